"""Images flagged as copies of real ones: none counts as accepted before a person has looked at the pair and cleared it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from evaluation.models import COPY_FLAGS, IDENTICAL_FLAGS, CopyReview, CopyVerdict, ImageScore
from generation.models import SourceImage, SyntheticImage
from generation.services.access import may_view_real
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed

MAX_REASON = 2000
_CHUNK = 2000


def uncleared_among(images: Iterable[UUID]) -> set[UUID]:
    """Which of these synthetic images some measurement flagged beside a real one without anybody having cleared the pair."""
    wanted, found = list(images), set()
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        pairs = ImageScore.objects.like_copies().filter(image__in=chunk).values_list("image", "nearest")
        reviews = CopyReview.objects.live().filter(image__in=chunk, verdict=CopyVerdict.CLEARED)
        cleared = set(reviews.values_list("image", "nearest"))
        found |= {image for image, nearest in pairs if (image, nearest) not in cleared}
    return found


@transaction.atomic
def review_copy(
    *, actor: User, image: SyntheticImage, nearest: UUID, verdict: str, reason: str = ""
) -> CopyReview:
    """Clear a flagged image, or confirm that it is a copy; a later decision about the same pair takes the place of it.

    Args:
        actor: Holds `view_real`.
        image: What was flagged.
        nearest: The real image beside which the actor saw it.
        verdict: `cleared` or `confirmed`.
        reason: Why; needed to clear.

    Raises:
        NotAllowed: The actor may not see the real images of the data set.
        InvalidInput: No reason for clearing, or no measurement flagged this pair.
        Conflict: The image is identical to a real one, or the real image was withdrawn: neither can be cleared.
    """
    dataset = image.batch.generator.dataset
    if not may_view_real(actor, dataset):
        raise NotAllowed(
            "view_real_needed",
            "Only a person who may see real images can judge whether an image is a copy of one.",
        )
    words = reason.strip()
    if len(words) > MAX_REASON:
        raise InvalidInput("reason_too_long", f"reason: At most {MAX_REASON} characters.")
    # The row is the lock: of two decisions made together the later one sees the earlier.
    SyntheticImage.objects.select_for_update(no_key=True).get(pk=image.pk)
    _check_pair(image, nearest, clears=verdict == CopyVerdict.CLEARED, words=words)
    CopyReview.objects.live().filter(image=image, nearest=nearest).update(superseded_at=timezone.now())
    made = CopyReview.objects.create(
        image=image, nearest_id=nearest, verdict=verdict, reviewed_by=actor, reason=words
    )
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action=f"copy.{verdict}",
        target=made,
        facts={"image": str(image.pk), "nearest": str(nearest)},
        personal={"reason": words} if words else {},
    )
    return made


def _check_pair(image: SyntheticImage, nearest: UUID, *, clears: bool, words: str) -> None:
    flags = {
        flag
        for score in ImageScore.objects.filter(image=image, nearest=nearest)
        for flag in score.flags
        if flag in COPY_FLAGS
    }
    if not flags:
        raise InvalidInput(
            "pair_not_flagged", "nearest: No evaluation flagged this image beside that real one."
        )
    if not clears:
        return
    if not words:
        raise InvalidInput(
            "reason_needed", "Say why it is no copy; the reason is kept beside the image for good."
        )
    if flags & set(IDENTICAL_FLAGS):
        raise Conflict(
            "identical_image", "This image has the pixels of a real one. It cannot be cleared; discard it."
        )
    if SourceImage.objects.filter(pk=nearest, withdrawn_at__isnull=False).exists():
        raise Conflict(
            "nearest_withdrawn",
            "The real image beside it was withdrawn and cannot be seen any more; nothing near it can be cleared.",
        )
