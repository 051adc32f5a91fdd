"""Measuring an image set against a split: asked for, completed, judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from evaluation.ml.judge import judge
from evaluation.models import (
    Evaluation,
    EvaluationState,
    GatePolicy,
    ImageScore,
    ImageSet,
    MetricResult,
)
from evaluation.services.gating import (
    DEFAULT_EXTRACTOR,
    decide_by_rule,
    default_policy,
    thresholds_of,
)
from evaluation.services.image_sets import make_batch_set
from generation.models import Batch, Dataset, Split
from generation.services.access import require_use, require_use_again
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job, JobState


@transaction.atomic
def request_evaluation(
    *,
    actor: User,
    batch: Batch | None = None,
    image_set: ImageSet | None = None,
    policy: GatePolicy | None = None,
    extractor: str = DEFAULT_EXTRACTOR,
    seed: int = 0,
) -> Evaluation:
    """Queue a measurement against the validation split; each one is a counted look at that split.

    Args:
        actor: Owner or member of the data set.
        batch: What to measure: all images of a finished batch. Or:
        image_set: What to measure, frozen before.
        policy: Thresholds; the default policy where not given.
        extractor: Name of a registered feature extractor.
        seed: For resampling; only at a threshold could the verdict hang on it.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The batch has not finished, or the data set has no validation split.
        InvalidInput: Neither batch nor image set, or both.
    """
    if batch is not None and image_set is None:
        image_set = make_batch_set(actor=actor, batch=batch)
    elif batch is not None or image_set is None:
        raise InvalidInput("what_to_measure", "Give either a batch or an image set.")
    require_use(actor, image_set.dataset)
    return _enqueue(actor, image_set, policy or default_policy(), extractor, seed)


@transaction.atomic
def request_approved_evaluation(*, actor: User, image_set: ImageSet) -> Evaluation:
    """Queue the measurement of a study's approved set. The caller has checked that the actor manages the study.

    Raises:
        Conflict: The data set has no validation split.
    """
    return _enqueue(actor, image_set, default_policy(), DEFAULT_EXTRACTOR, 0)


def _enqueue(actor: User, image_set: ImageSet, policy: GatePolicy, extractor: str, seed: int) -> Evaluation:
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=image_set.dataset_id)
    if not dataset.images.present().in_split(Split.VAL).exists():
        raise Conflict("no_validation_split", "This data set has no validation images to measure against.")
    looks = Evaluation.objects.filter(dataset=dataset, split=Split.VAL)
    evaluation = Evaluation.objects.create(
        image_set=image_set,
        dataset=dataset,
        split=Split.VAL,
        look_number=(looks.aggregate(last=Max("look_number"))["last"] or 0) + 1,
        requested_by=actor,
        extractor=extractor,
        policy=policy,
        seed=seed,
    )
    _enqueue_jobs(evaluation)
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="evaluation.requested",
        target=evaluation,
        facts={
            "image_set": image_set.digest,
            "split": Split.VAL,
            "look": evaluation.look_number,
            "policy": str(policy.pk),
        },
    )
    return evaluation


def _enqueue_jobs(evaluation: Evaluation) -> None:
    """Queue the measurement, and before it a job for each part of a set that is too large for one."""
    actor, count = evaluation.requested_by, evaluation.image_set.image_count
    size = settings.EVALUATION_SHARD_IMAGES
    is_large = count > size
    evaluation.job = enqueue_job(
        "evaluation", actor=actor, subject=evaluation, total=count if is_large else 0
    )
    evaluation.save(update_fields=["job"])
    for first in range(0, count if is_large else 0, size):
        stop = min(first + size, count)
        enqueue_job(
            "evaluation_shard",
            actor=actor,
            subject=evaluation,
            payload={"first": first, "stop": stop},
            parent=evaluation.job,
            total=stop - first,
        )


def mark_running(*, context: JobContext, evaluation: Evaluation) -> None:
    """Queued → running, when a worker has the job."""
    with context.commit():
        rows = Evaluation.objects.filter(pk=evaluation.pk).exclude(state=EvaluationState.SUCCEEDED)
        rows.update(state=EvaluationState.RUNNING, completed_at=None)


def complete_evaluation(*, context: JobContext, evaluation: Evaluation, result: dict[str, Any]) -> Evaluation:
    """Keep the numbers, judge them by the policy, and let gate and job follow, all in one transaction."""
    report = json.loads(Path(result["report"]).read_text())
    verdict = judge(report, thresholds_of(evaluation.policy))
    with context.commit(finish_with={"verdict": verdict.decision}):
        MetricResult.objects.bulk_create(_metric_row(evaluation, row) for row in report["results"])
        ImageScore.objects.bulk_create(_score_rows(evaluation, Path(result["scores"])), batch_size=1000)
        evaluation.state = EvaluationState.SUCCEEDED
        evaluation.extractor_digest = report["extractor"]["sha256"]
        evaluation.report = report
        evaluation.verdict = verdict.decision
        evaluation.reasons = list(verdict.reasons)
        evaluation.completed_at = timezone.now()
        evaluation.save()
        record_event(
            chain=dataset_chain(evaluation.dataset),
            actor=evaluation.requested_by,
            action="evaluation.succeeded",
            target=evaluation,
            facts={"verdict": evaluation.verdict, "image_set": evaluation.image_set.digest},
        )
        decide_by_rule(evaluation=evaluation)
    return evaluation


def _metric_row(evaluation: Evaluation, row: dict[str, Any]) -> MetricResult:
    known = (
        "value", "floor", "ratio", "ci_low", "ci_high", "p_value", "n_real", "n_synth", "n_groups", "status"
    )  # fmt: skip
    details = {name: value for name, value in row.items() if name not in (*known, "metric", "class_key")}
    return MetricResult(
        evaluation=evaluation,
        name=row["metric"],
        extractor=row["extractor"],
        class_key=row["class_key"],
        details=details,
        **{name: row.get(name) for name in known},
    )


def _score_rows(evaluation: Evaluation, path: Path) -> Iterator[ImageScore]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield ImageScore(
                evaluation=evaluation,
                image_id=row["id"],
                nearest_id=row["nearest_id"],
                distance=row["distance"],
                ratio=row["ratio"],
                p_value=row["p_value"],
                flags=row["flags"],
            )


def requeue_evaluation(job: Job) -> None:
    """A failed measurement of a batch may be tried again by whoever may ask for one.

    Raises:
        NotAllowed: Who asked for it may not use the data set any more.
    """
    evaluation = Evaluation.objects.select_related("image_set", "dataset").get(pk=job.subject_pk)
    if evaluation.image_set.batch_id is not None:  # an approved set is measured for the managers of its study
        require_use_again(job, evaluation.dataset)


def end_evaluation(job: Job) -> None:
    """The job ended without success: no number is given."""
    state = EvaluationState.CANCELLED if job.state == JobState.CANCELLED else EvaluationState.FAILED
    rows = Evaluation.objects.filter(pk=job.subject_pk).exclude(state=EvaluationState.SUCCEEDED)
    rows.update(state=state, completed_at=timezone.now())
