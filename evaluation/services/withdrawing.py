"""What evaluation holds of real images that are withdrawn: measurements against them, and their features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from evaluation.ml.forgetting import forget_files
from evaluation.models import Evaluation, EvaluationState
from generation.models import SourceImage, Split
from synthlab.accounts.models import User
from synthlab.core.erasure import Trace
from synthlab.core.jobs import request_cancel
from synthlab.core.models import JobState

_IN_WORK = (EvaluationState.QUEUED, EvaluationState.RUNNING)


def measured_against(images: Sequence[UUID]) -> QuerySet[Evaluation]:
    """Evaluations that read any of these images: the training split and the split that was measured against."""
    rows = SourceImage.objects.filter(pk__in=images)
    places = rows.order_by().values_list("dataset", "group__split", "created_at").distinct()
    condition = Q(pk__in=[])
    for dataset, split, came in places:
        read = Q(dataset=dataset) & (Q() if split == Split.TRAIN else Q(split=split))
        condition |= read & (Q(completed_at__gte=came) | Q(state__in=_IN_WORK))
    gone = rows.filter(withdrawn_at__isnull=False).order_by("withdrawn_at").values_list("withdrawn_at")
    found = Evaluation.objects.filter(condition)
    if gone and not rows.filter(withdrawn_at__isnull=True).exists():
        found = found.filter(created_at__lte=gone[len(gone) - 1][0])  # later ones never saw them
    return found


def traces(images: Sequence[UUID]) -> Iterator[Trace]:
    """Measurements in which these images stood."""
    for row in measured_against(images).select_related("image_set").order_by("created_at"):
        working = row.state in _IN_WORK
        yield Trace(
            kind="evaluation",
            id=row.pk,
            title=f"Evaluation of {row.created_at:%-d %b %Y, %H:%M} ({row.image_set})",
            detail=(
                "It is at work and will be stopped."
                if working
                else "Its numbers were measured with these images among the real ones. They stay; a new one would differ."
            ),
            url=reverse("evaluation-page", args=[row.pk]),
        )


def let_go(actor: User, images: Sequence[UUID]) -> None:
    """Stop the evaluations at work: they hold, or would read, the pixels."""
    rows = measured_against(images).filter(state__in=_IN_WORK, job__isnull=False).select_related("job")
    for evaluation in rows.filter(job__state__in=(JobState.QUEUED, JobState.RUNNING)):
        if evaluation.job is not None:
            request_cancel(actor=actor, job=evaluation.job)


def forget(files: Sequence[Path]) -> None:
    """Erase the features of these pictures."""
    forget_files(Path(settings.FEATURE_ROOT), files)
