"""Withdrawing real images: decided in one transaction, erased by a job that goes on until nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from generation.models import (
    Dataset,
    Group,
    Rejection,
    SourceImage,
    Training,
    TrainingState,
    Withdrawal,
)
from generation.services.access import require_owner
from generation.services.consequences import Consequences, Touched, consequences_of
from generation.services.describing import describe_dataset
from generation.services.growth import lock_dataset
from synthlab.accounts.models import User
from synthlab.core import erasure
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput, NotFound
from synthlab.core.jobs import enqueue_job, request_cancel
from synthlab.core.models import LIVE_JOB_STATES

MOST_AT_ONCE = 1000
_STOPPED = "images_withdrawn"


def preview_withdrawal(
    *, actor: User, dataset: Dataset, images: Sequence[UUID] = (), groups: Sequence[UUID] = ()
) -> Consequences:
    """What a withdrawal would touch; changes nothing.

    Raises:
        As `withdraw_images`.
    """
    require_owner(actor, dataset)
    return consequences_of(dataset, _chosen(dataset, images, groups), seen_by=actor)


@transaction.atomic
def withdraw_images(
    *,
    actor: User,
    dataset: Dataset,
    images: Sequence[UUID] = (),
    groups: Sequence[UUID] = (),
    reason: str,
) -> Withdrawal:
    """Take images out of a data set for good.

    From the moment of the commit nobody is shown them and nothing new is made of them. Files, thumbnails and features
    are erased by a job, which is queued in the same transaction and tried again until it succeeds.

    Args:
        actor: The owner of the data set.
        dataset: Theirs.
        images: Ids of images, at most 1,000.
        groups: Ids of whole groups, as when a patient withdraws consent.
        reason: Why; kept, so it should name nobody.

    Raises:
        NotAllowed: The actor is not the owner.
        NotFound: `unknown_image`: an id is not of this data set.
        InvalidInput: No reason, no image, or too many.
        Conflict: All of them are withdrawn already.
    """
    require_owner(actor, dataset)
    if not reason.strip():
        raise InvalidInput("reason_needed", "Say why these images are withdrawn (without naming anybody).")
    # The lock that trainings take before they are started: each either is seen below, or sees what is left.
    dataset = lock_dataset(dataset)
    chosen = _chosen(dataset, images, groups)
    touched = consequences_of(dataset, chosen, seen_by=actor)
    withdrawal = Withdrawal.objects.create(dataset=dataset, requested_by=actor, reason=reason.strip())
    _bury(chosen, withdrawal)
    gone = list(withdrawal.images.values_list("pk", flat=True))
    dataset = describe_dataset(dataset)
    stopped = _stop_trainings(actor, touched.stopping)
    erasure.let_go(actor, gone)
    withdrawal.job = enqueue_job(
        "withdrawal", actor=actor, subject=withdrawal, payload={"digests": _release_rejections(withdrawal)}
    )
    withdrawal.save(update_fields=["job"])
    _audit(actor, withdrawal, gone, stopped, touched)
    return withdrawal


def _chosen(dataset: Dataset, images: Sequence[UUID], groups: Sequence[UUID]) -> QuerySet[SourceImage]:
    """The present images that are meant."""
    if not images and not groups:
        raise InvalidInput("nothing_named", "Name the images or the groups to withdraw.")
    if len(images) > MOST_AT_ONCE or len(groups) > MOST_AT_ONCE:
        raise InvalidInput(
            "too_many_named", f"Name at most {MOST_AT_ONCE:,} images or groups at once; a group counts once."
        )
    known = dataset.images.filter(pk__in=images).count(), dataset.groups.filter(pk__in=groups).count()
    if known != (len(set(images)), len(set(groups))):
        raise NotFound("unknown_image", "One of these images or groups is not in this data set.")
    chosen = dataset.images.present().filter(Q(pk__in=images) | Q(group__in=groups))
    if not chosen.exists():
        raise Conflict("already_withdrawn", "These images are withdrawn already.")
    return chosen


def _bury(chosen: QuerySet[SourceImage], withdrawal: Withdrawal) -> None:
    chosen.update(
        withdrawn_at=timezone.now(),
        withdrawn_by=withdrawal.requested_by,
        withdrawal_reason=withdrawal.reason,
        withdrawal=withdrawal,
    )


def _stop_trainings(actor: User, unfinished: Sequence[Touched]) -> list[str]:
    """Stop runs that learn from the images; resuming them is refused, because their images are not the same any more."""
    stopped = []
    for pk in (item.row.pk for item in unfinished):
        training = Training.objects.select_related("job").get(pk=pk)
        if training.job is not None and training.job.state in LIVE_JOB_STATES:
            request_cancel(actor=actor, job=training.job)
        training.refresh_from_db(fields=["warnings", "step"])
        warning = {
            "code": _STOPPED,
            "detail": "Images that this training learns from were withdrawn. It was stopped and cannot be resumed: "
            "start a new one, which learns from what is left.",
            "step": training.step,
        }
        rows = Training.objects.filter(pk=pk).exclude(state=TrainingState.SUCCEEDED)
        rows.update(warnings=[*training.warnings, warning], stop_reason="cancel")
        Training.objects.filter(pk=pk, state=TrainingState.PAUSED).update(state=TrainingState.CANCELLED)
        stopped.append(str(pk))
    return stopped


def _release_rejections(withdrawal: Withdrawal) -> list[str]:
    """Let go of refused pictures that are these images again, or belong to a group of which nothing is left.

    Returns:
        The digests of their files, for the job that erases them.
    """
    images, dataset = withdrawal.images.order_by(), withdrawal.dataset
    digests = images.values("digest").union(images.values("thumbnail_digest"))
    left = SourceImage.objects.present().filter(dataset=dataset)
    emptied = Group.objects.filter(images__in=images).exclude(pk__in=left.values("group"))
    kept = Rejection.objects.filter(ingest__dataset=dataset)
    same = kept.filter(
        Q(thumbnail_digest__in=digests) | Q(image_digest__in=digests) | Q(look_digest__in=digests)
    ).exclude(thumbnail_digest="", image_digest="", look_digest="")
    of_group = kept.filter(candidate__group_key__in=list(emptied.values_list("key", flat=True).distinct()))
    found = {row.pk: row for row in [*same, *of_group]}
    Rejection.objects.filter(pk__in=list(found)).update(
        thumbnail_digest="", image_digest="", look_digest="", candidate={}
    )
    named = {(row.thumbnail_digest, row.image_digest, row.look_digest) for row in found.values()}
    return sorted({digest for digests in named for digest in digests if digest})


def _audit(
    actor: User, withdrawal: Withdrawal, gone: Sequence[UUID], stopped: Sequence[str], touched: Consequences
) -> None:
    facts: dict[str, Any] = {
        "images": [str(pk) for pk in gone],
        "groups": touched.group_count,
        "by_split": touched.by_split,
        "manifest_digest": withdrawal.dataset.manifest_digest,
        "trainings_stopped": list(stopped),
        "generators": [str(item.row.pk) for item in touched.generators],
        "batches": [str(item.row.pk) for item in touched.batches],
        "held_by_others": [f"{trace.kind} {trace.id}" for trace in touched.traces],
    }
    record_event(
        chain=dataset_chain(withdrawal.dataset),
        actor=actor,
        action="images.withdrawn",
        target=withdrawal,
        facts=facts,
        personal={"reason": withdrawal.reason},
    )
