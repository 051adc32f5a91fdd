"""A second person's word on an answer: accept it, return it, or overrule it. Never on one's own reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation.geometry import GeometryError, parse_shape
from annotation.models import (
    Annotation,
    Item,
    ItemState,
    Read,
    ReadKind,
    ReadState,
    Review,
    ReviewVerdict,
    StudyRole,
)
from annotation.services.access import require_role, role_for, roles_in
from annotation.services.answers import check_answer
from annotation.services.deciding import decide_item, lock_item, move_item, plan_read
from annotation.services.images import image_of
from annotation.services.reading import record_final
from annotation.services.reopening import read_again
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed

MAX_COMMENT = 2000


@transaction.atomic
def accept(*, actor: User, annotation: Annotation, comment: str = "", point: object = None) -> Review:
    """The answer counts: its image is accepted, or discarded as the reader said.

    Args:
        actor: A reviewer of the study.
        annotation: A final answer that waits for a review.
        comment: What the reviewer has to say about it.
        point: Where on the image: `{"x", "y"}` in its pixels, from the top left corner.

    Raises:
        NotAllowed: The actor does not review in this study, or has read this image.
        Conflict: The answer is not waiting for a review.
        InvalidInput: The point is not on the image, or points without words.
    """
    item = _lock_for_review(actor, annotation)
    review = _record(actor, item, annotation, ReviewVerdict.ACCEPT, comment, point)
    decide_item(item, annotation)
    return review


@transaction.atomic
def return_(*, actor: User, annotation: Annotation, comment: str, point: object = None) -> Review:
    """The reader gets the image again, with the comment, its pin and the earlier answer; that answer stays in the history.

    Raises:
        NotAllowed: The actor does not review in this study, or has read this image.
        Conflict: The answer is not waiting for a review.
        InvalidInput: There is no comment, or the point is not on the image.
    """
    item = _lock_for_review(actor, annotation)
    if not comment.strip():
        raise InvalidInput("comment_needed", "comment: Say what should be read again; the reader sees it.")
    review = _record(actor, item, annotation, ReviewVerdict.RETURN, comment, point)
    read = annotation.read
    # Who has left the study gets nothing more to read: anybody may then.
    stays = read.reader is not None and role_for(read.kind) in roles_in(read.reader, read.study)
    read_again(item, annotation, reader=read.reader if stays else None)
    move_item(item, ItemState.READING)
    return review


@transaction.atomic
def overrule(
    *, actor: User, annotation: Annotation, answer: Mapping[str, Any], comment: str = "", point: object = None
) -> Review:
    """The reviewer's own answer counts in place of the reader's; both stay in the history.

    Raises:
        NotAllowed: The actor does not review in this study, or has read this image.
        Conflict: The answer is not waiting for a review.
        InvalidInput: The reviewer's answer breaks a rule of the schema, or the point is not on the image.
    """
    item = _lock_for_review(actor, annotation)
    image = image_of(item)
    checked = check_answer(answer, item.study.schema, width=image.width, height=image.height)
    own = plan_read(
        item,
        ReadKind.ADJUDICATION,
        reader=actor,
        state=ReadState.SUBMITTED,
        submitted_at=timezone.now(),
        active_seconds=checked.active_seconds,
        idle_seconds=checked.idle_seconds,
        rev=1,
    )
    final = record_final(actor=actor, read=own, checked=checked)
    review = _record(actor, item, annotation, ReviewVerdict.OVERRULE, comment, point)
    decide_item(item, final)
    return review


def last_return(read: Read) -> Review | None:
    """The review by which this read's forerunner was returned to the same reader; None for any other read."""
    if not read.is_assigned or read.ordinal == 0:
        return None
    earlier = Review.objects.filter(
        annotation__read__item=read.item_id,
        annotation__read__reader=read.reader_id,
        annotation__read__state=ReadState.RETURNED,
        verdict=ReviewVerdict.RETURN,
    )
    return earlier.order_by("-created_at").first()


def _lock_for_review(actor: User, annotation: Annotation) -> Item:
    read = annotation.read
    require_role(actor, read.study, StudyRole.REVIEWER)
    item = lock_item(read.item_id)
    # Several people may have read the image; whoever is one of them would judge their own reading with it.
    if (
        annotation.author_id == actor.pk
        or item.reads.filter(reader=actor, submitted_at__isnull=False).exists()
    ):
        raise NotAllowed(
            "own_reading", "You have read this image yourself; another reviewer must look at it."
        )
    state = Read.objects.values_list("state", flat=True).get(pk=read.pk)
    if item.state != ItemState.REVIEW or state != ReadState.SUBMITTED or not annotation.is_final:
        raise Conflict("not_in_review", "This answer is not waiting for a review (any more).")
    return item


def _record(
    actor: User, item: Item, annotation: Annotation, verdict: ReviewVerdict, comment: str, point: object
) -> Review:
    words = comment.strip()
    if len(words) > MAX_COMMENT:
        raise InvalidInput("comment_too_long", f"comment: At most {MAX_COMMENT} characters.")
    place = _place(point, item, words)
    review = Review.objects.create(
        annotation=annotation,
        reader=annotation.author,
        reviewer=actor,
        verdict=verdict,
        comment=words,
        **place,
    )
    record_event(
        chain=study_chain(annotation.read.study),
        actor=actor,
        action=f"review.{verdict}",
        target=review,
        facts={
            "annotation": str(annotation.pk),
            "read": str(annotation.read_id),
            "reader": str(annotation.author_id),
        },
        personal={"comment": words} if words else {},
    )
    return review


def _place(point: object, item: Item, words: str) -> dict[str, float]:
    """The columns of a pin."""
    if point is None:
        return {}
    if not words:
        raise InvalidInput("comment_needed", "comment: Say what there is at the place that you point at.")
    image = image_of(item)
    try:
        place = parse_shape("point", point, width=image.width, height=image.height).as_json()
    except GeometryError as error:
        field = f"point.{error.path}" if error.path else "point"
        raise InvalidInput("point_outside", f"{field}: {error.detail}") from error
    return {"point_x": place["x"], "point_y": place["y"]}
