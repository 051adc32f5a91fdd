"""What the workers run for evaluation."""

from __future__ import annotations

from evaluation.models import Evaluation
from evaluation.services import evaluating
from synthlab.core.job_context import JobContext
from synthlab.core.models import Job


def run_evaluation(context: JobContext) -> None:
    """Measure an image set in a child process and judge the result."""
    rows = Evaluation.objects.select_related("image_set__batch", "dataset", "policy", "requested_by")
    evaluation = rows.get(pk=context.job.subject_pk)
    evaluating.mark_running(context=context, evaluation=evaluation)
    spec = evaluating.evaluation_spec(evaluation)
    result = context.run_child("evaluation.ml", "evaluate", spec)
    evaluating.complete_evaluation(context=context, evaluation=evaluation, result=result)


def requeue_evaluation(job: Job) -> None:
    evaluating.requeue_evaluation(job)


def end_evaluation(job: Job) -> None:
    evaluating.end_evaluation(job)
