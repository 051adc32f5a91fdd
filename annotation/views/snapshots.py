"""Pages of snapshots: freeze, compare, sign, export."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotation.models import Snapshot, Study, StudyRole
from annotation.services.access import roles_in
from annotation.services.exporting import describe_formats
from annotation.services.snapshots import latest_evaluation, preview_snapshot, signature_holds
from evaluation.models import Evaluation, EvaluationState
from generation.models import Batch
from synthlab.core.people import person_of


@login_required
@require_safe
def snapshot_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = person_of(request)
    study = get_object_or_404(Study.objects.visible_to(user).select_related("schema"), pk=pk)
    if StudyRole.MANAGER not in roles_in(user, study):
        raise Http404
    preview = preview_snapshot(study)
    titles = dict(study.schema.classes.values_list("key", "title"))
    context = {
        "study": study,
        "preview": preview,
        "per_class": [(titles.get(key, key), count) for key, count in sorted(preview.classes.items())],
        "snapshots": study.snapshots.select_related("signed_by", "created_by"),
    }
    return render(request, "annotation/snapshot_list.html", context)


@login_required
@require_safe
def snapshot_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Snapshot.objects.visible_to(person_of(request)).select_related(
        "study__schema", "image_set", "evaluation", "signed_by", "created_by"
    )
    snapshot = get_object_or_404(rows, pk=pk)
    evaluation = snapshot.evaluation or latest_evaluation(snapshot)
    context = {
        "snapshot": snapshot,
        "study": snapshot.study,
        "evaluation": evaluation,
        "is_measured": evaluation is not None and evaluation.state == EvaluationState.SUCCEEDED,
        "comparison": _beside(snapshot, evaluation),
        "holds": signature_holds(snapshot) if snapshot.is_signed else None,
        "exports": snapshot.exports.select_related("job"),
        "formats": [_shown(row) for row in describe_formats(snapshot)] if snapshot.is_signed else [],
    }
    return render(request, "annotation/snapshot_detail.html", context)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A format as the page shows it: what costs nothing is left out, and counted."""
    costly = [loss for loss in row["losses"] if loss["values"]]
    options = [
        {
            "name": f"options.{option.name}",
            "title": option.title,
            "default": option.default,
            "choices": [{"value": choice, "label": choice} for choice in option.choices],
            "lowest": option.lowest,
            "highest": option.highest,
        }
        for option in row["options"]
    ]
    return {**row, "options": options, "losses": costly, "values": sum(loss["values"] for loss in costly)}


def _beside(snapshot: Snapshot, evaluation: Evaluation | None) -> list[dict[str, Any]]:
    """The numbers of the approved set, and beside each the same number of the batches it was chosen from."""
    if evaluation is None:
        return []
    batches = Batch.objects.filter(images__snapshot_items__snapshot=snapshot).distinct()
    earlier = (
        Evaluation.objects.filter(
            image_set__batch__in=batches, state=EvaluationState.SUCCEEDED, extractor=evaluation.extractor
        )
        .order_by("-completed_at")
        .prefetch_related("metrics")
        .first()
    )
    before = {row.name: row for row in earlier.metrics.all() if not row.class_key} if earlier else {}
    rows = evaluation.metrics.filter(class_key="").order_by("name")
    return [{"metric": row, "batch": before.get(row.name)} for row in rows]
