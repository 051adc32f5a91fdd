"""What becomes of an item when its reads are answered: review, dispute, accepted, discarded."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from annotation.agreement import Answer, MarkedRegion, answers_agree
from annotation.geometry import parse_shape
from annotation.models import (
    LIVE_READ_STATES,
    Annotation,
    AnswerDecision,
    ApprovalPolicy,
    Item,
    ItemState,
    Read,
    ReadKind,
    ReadState,
    Review,
    ReviewReason,
    ReviewVerdict,
    Study,
)
from annotation.services.filling import random_place
from annotation.services.images import image_of
from evaluation.services.copies import uncleared_among
from synthlab.core.exceptions import Conflict

_COUNTED = (ReadKind.PRIMARY, ReadKind.CONTROL)
_UNDECIDED = (ItemState.WAITING, ItemState.READING, ItemState.REVIEW, ItemState.DISPUTED)


def lock_item(item_id: UUID) -> Item:
    """The item's row, locked: two answers to the same image are settled one after the other."""
    rows = Item.objects.select_related("study", "synthetic_image", "source_image")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=item_id)


def settle_item(item: Item) -> None:
    """Move an item on after an answer was taken; `item` is locked.

    One discard ends an image of a study with several readers, unless somebody labelled it: reads that nobody has begun
    are void. When all reads are answered, equal answers go to review or count at once, by the study's policy; unequal
    ones are disputed, and a reviewer gets an adjudication. An image that waits for somebody's look at the real one beside
    it goes to review whatever the policy. A hidden control goes the way of every other image: were it never reviewed or
    returned, that alone would tell it from the others.
    """
    reads = _live_reads(item)
    finals = final_answers(reads)
    decisions = {annotation.decision for annotation in finals}
    if decisions == {AnswerDecision.DISCARDED}:
        item.reads.filter(kind__in=_COUNTED, state=ReadState.OPEN).update(
            state=ReadState.VOID, reader=None, is_assigned=False
        )
        reads = _live_reads(item)  # again: one of them may have been claimed in the meantime
    if not finals or any(read.state != ReadState.SUBMITTED for read in reads):
        move_item(item, ItemState.READING)
    elif not answers_agree([comparable(annotation, item) for annotation in finals]):
        _dispute(item)
    elif reason := _review_reason(item, reads, finals):
        send_to_review(item, reason)
    else:
        decide_or_hold(item, finals[0])


def _live_reads(item: Item) -> list[Read]:
    return list(item.reads.filter(kind__in=_COUNTED, state__in=LIVE_READ_STATES).order_by("ordinal"))


def decide_or_hold(item: Item, annotation: Annotation) -> None:
    """As `decide_item`, but what may not be accepted yet waits in review: no answer is refused for it."""
    if annotation.decision == AnswerDecision.LABELLED and _looks_copied(item):
        send_to_review(item, ReviewReason.COPY)
    else:
        decide_item(item, annotation)


def send_to_review(item: Item, reason: ReviewReason) -> None:
    """An undecided item waits for a reviewer from now on; why is kept with it.

    Raises:
        Conflict: The item was decided before.
    """
    move_item(item, ItemState.REVIEW, review_reason=reason)
    item.review_reason = reason


def decide_item(item: Item, annotation: Annotation) -> None:
    """The answer counts: accepted if it labels the image, discarded if it discards it.

    Raises:
        Conflict: The item was decided before, or its image is flagged as a copy of a real one and nobody has cleared it.
    """
    accepted = annotation.decision == AnswerDecision.LABELLED
    if accepted and _looks_copied(item):
        raise Conflict(
            "copy_not_cleared",
            "This image is flagged as a possible copy of a real one. Somebody who may see real images has to clear it, "
            "on the page of its evaluation, before it can be accepted; or have it read again and discarded.",
        )
    state = ItemState.ACCEPTED if accepted else ItemState.DISCARDED
    moved = Item.objects.filter(pk=item.pk, state__in=_UNDECIDED).update(
        state=state, outcome=annotation, decided_at=timezone.now()
    )
    if moved != 1:
        raise Conflict("item_decided", "This image was decided meanwhile.")
    item.state = state


def _looks_copied(item: Item) -> bool:
    return item.synthetic_image_id is not None and bool(uncleared_among([item.synthetic_image_id]))


def move_item(item: Item, state: ItemState, **fields: object) -> None:
    """An undecided item goes on to another undecided state, and `fields` with it.

    Raises:
        Conflict: The item was decided before.
    """
    if Item.objects.filter(pk=item.pk, state__in=_UNDECIDED).update(state=state, **fields) != 1:
        raise Conflict("item_decided", "This image was decided meanwhile.")
    item.state = state


def top_up_reads(item: Item) -> int:
    """Plan the reads again that an image lacks (void ones, after a discard was returned); returns how many."""
    live = item.reads.filter(kind__in=_COUNTED, state__in=LIVE_READ_STATES).count()
    missing = item.study.reads_per_item - live
    for _ in range(missing):
        plan_read(item, ReadKind.PRIMARY if item.source_image_id is None else ReadKind.CONTROL)
    return max(missing, 0)


def plan_read(item: Item, kind: ReadKind, **fields: object) -> Read:
    """A new read of an item with the next free ordinal of its kind."""
    last = item.reads.filter(kind=kind).order_by("-ordinal").values_list("ordinal", flat=True).first()
    return Read.objects.create(
        study=item.study,
        item=item,
        kind=kind,
        ordinal=0 if last is None else last + 1,
        shuffle=random_place(),
        **fields,
    )


def final_answers(reads: Sequence[Read]) -> list[Annotation]:
    """The final answers of submitted reads, in the order of the reads."""
    submitted = [read.pk for read in reads if read.state == ReadState.SUBMITTED]
    rows = Annotation.objects.filter(read__in=submitted, is_final=True)
    found = {row.read_id: row for row in rows.prefetch_related("regions__label_class")}
    return [found[key] for key in submitted]


def comparable(annotation: Annotation, item: Item) -> Answer:
    """An answer as `agreement` compares it."""
    image = image_of(item)
    return Answer(
        decision=annotation.decision,
        classes=frozenset(annotation.classes),
        regions=tuple(
            MarkedRegion(
                region.label_class.key,
                parse_shape(region.kind, region.geometry, width=image.width, height=image.height),
            )
            for region in annotation.regions.all()
        ),
    )


def is_sampled(study: Study, item_id: UUID) -> bool:
    """Whether an image falls into the study's sample.

    Drawn by HMAC-SHA-256 under the study's secret key, so nobody can foresee it, and by the image, so that another reading
    of it is no other draw.
    """
    mac = hmac.new(study.key.encode(), f"sample:{item_id}".encode(), hashlib.sha256).digest()
    return int.from_bytes(mac[:8], "big") < study.sample_share * 2**64


def _review_reason(item: Item, reads: Sequence[Read], finals: Sequence[Annotation]) -> ReviewReason | None:
    """Why a reviewer must look at equal answers; None where they count at once."""
    study = item.study
    if any(read.is_flagged for read in reads):
        return ReviewReason.FLAGGED
    returned = Review.objects.filter(annotation__read__item=item.pk, verdict=ReviewVerdict.RETURN)
    if returned.exists():
        return ReviewReason.RETURNED
    if study.approval_policy == ApprovalPolicy.AS_READ:
        return None
    labelled = finals[0].decision == AnswerDecision.LABELLED
    if study.approval_policy == ApprovalPolicy.EVERY and labelled:
        return ReviewReason.EVERY
    return ReviewReason.SAMPLED if is_sampled(study, item.pk) else None


def _dispute(item: Item) -> None:
    move_item(item, ItemState.DISPUTED)
    live = item.reads.filter(kind=ReadKind.ADJUDICATION, state__in=LIVE_READ_STATES)
    if not live.exists():
        plan_read(item, ReadKind.ADJUDICATION)
