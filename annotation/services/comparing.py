"""The numbers of an approved set beside those of the batches it was chosen from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from annotation.models import Snapshot
from evaluation.models import Evaluation, EvaluationState, MetricResult
from generation.models import Batch


@dataclass(frozen=True, slots=True)
class BatchColumn:
    """A batch with its last measurement before the snapshot was signed, if there is one that can be compared."""

    batch: Batch
    members: int
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class Line:
    """One number of the approved set, and the same number of each batch, None where it has none."""

    metric: MetricResult
    batches: list[MetricResult | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The approved set beside its batches."""

    columns: list[BatchColumn]
    lines: list[Line]


def compare_with_batches(snapshot: Snapshot, evaluation: Evaluation) -> Comparison:
    """Numbers side by side; only such as were measured with the same features against the same split.

    Args:
        snapshot: Whose members tell the batches.
        evaluation: Of its set.
    """
    held = snapshot.items.order_by().values_list("image__batch")
    counts: dict[UUID, int] = dict(held.annotate(n=Count("pk")))
    last = _last_of(list(counts), evaluation, before=snapshot.signed_at)
    batches = Batch.objects.filter(pk__in=list(counts)).select_related("generator").order_by("created_at")
    columns = [BatchColumn(batch, counts[batch.pk], last.get(batch.pk)) for batch in batches]
    numbers = [_numbers(column.evaluation) for column in columns]
    rows = evaluation.metrics.filter(class_key="").order_by("name", "extractor")
    lines = [Line(row, [own.get((row.name, row.extractor)) for own in numbers]) for row in rows]
    return Comparison(columns, lines)


def _last_of(
    batches: Sequence[UUID], evaluation: Evaluation, *, before: datetime | None
) -> dict[UUID | None, Evaluation]:
    rows = Evaluation.objects.filter(
        image_set__batch__in=batches,
        state=EvaluationState.SUCCEEDED,
        extractor=evaluation.extractor,
        extractor_digest=evaluation.extractor_digest,
        split=evaluation.split,
    )
    if before is not None:
        rows = rows.filter(completed_at__lte=before)
    rows = rows.select_related("image_set").prefetch_related("metrics")
    return {row.image_set.batch_id: row for row in rows.order_by("completed_at", "pk")}


def _numbers(evaluation: Evaluation | None) -> dict[tuple[str, str], MetricResult]:
    if evaluation is None:
        return {}
    return {(row.name, row.extractor): row for row in evaluation.metrics.all() if not row.class_key}
