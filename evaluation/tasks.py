"""What the workers run for evaluation."""

from __future__ import annotations

from typing import Any

from evaluation.models import Evaluation
from evaluation.services import evaluating, specs
from synthlab.core.job_context import JobContext
from synthlab.core.models import Job


def run_evaluation(context: JobContext) -> None:
    """Measure an image set in a child process and judge the result."""
    evaluation = _of(context)
    evaluating.mark_running(context=context, evaluation=evaluation)
    spec = specs.evaluation_spec(evaluation)
    result = context.run_child("evaluation.ml", "evaluate", spec)
    evaluating.complete_evaluation(context=context, evaluation=evaluation, result=result)


def run_evaluation_shard(context: JobContext) -> dict[str, Any]:
    """Store the features of a part of a large set, so that the evaluation finds them."""
    evaluation = _of(context)
    first, stop = context.job.payload["first"], context.job.payload["stop"]
    evaluating.mark_running(context=context, evaluation=evaluation)
    for spec in specs.shard_specs(evaluation, first, stop):
        context.run_child("evaluation.ml", "extract", spec)
    return {"images": stop - first}


def _of(context: JobContext) -> Evaluation:
    rows = Evaluation.objects.select_related("image_set__batch", "dataset", "policy", "requested_by")
    return rows.get(pk=context.job.subject_pk)


def requeue_evaluation(job: Job) -> None:
    evaluating.requeue_evaluation(job)


def end_evaluation(job: Job) -> None:
    evaluating.end_evaluation(job)
