"""A second person's word on an answer: accept it, return it, or overrule it. Never on one's own reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

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
def accept(*, actor: User, annotation: Annotation, comment: str = "") -> Review:
    """The answer counts: its image is accepted, or discarded as the reader said.

    Raises:
        NotAllowed: The actor does not review in this study, or has read this image.
        Conflict: The answer is not waiting for a review.
    """
    item = _lock_for_review(actor, annotation)
    review = _record(actor, annotation, ReviewVerdict.ACCEPT, comment)
    decide_item(item, annotation)
    return review


@transaction.atomic
def return_(*, actor: User, annotation: Annotation, comment: str) -> Review:
    """The reader gets the image again, with the comment and the earlier answer; that answer stays in the history.

    Raises:
        NotAllowed: The actor does not review in this study, or has read this image.
        Conflict: The answer is not waiting for a review.
        InvalidInput: There is no comment.
    """
    item = _lock_for_review(actor, annotation)
    if not comment.strip():
        raise InvalidInput("comment_needed", "comment: Say what should be read again; the reader sees it.")
    review = _record(actor, annotation, ReviewVerdict.RETURN, comment)
    read = annotation.read
    # Who has left the study gets nothing more to read: anybody may then.
    stays = read.reader is not None and role_for(read.kind) in roles_in(read.reader, read.study)
    read_again(item, annotation, reader=read.reader if stays else None)
    move_item(item, ItemState.READING)
    return review


@transaction.atomic
def overrule(*, actor: User, annotation: Annotation, answer: Mapping[str, Any], comment: str = "") -> Review:
    """The reviewer's own answer counts in place of the reader's; both stay in the history.

    Raises:
        NotAllowed: The actor does not review in this study, or has read this image.
        Conflict: The answer is not waiting for a review.
        InvalidInput: The reviewer's answer breaks a rule of the schema.
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
    review = _record(actor, annotation, ReviewVerdict.OVERRULE, comment)
    decide_item(item, final)
    return review


def return_note(read: Read) -> str:
    """What the reviewer said when this read's forerunner was returned; empty for any other read."""
    if not read.is_assigned or read.ordinal == 0:
        return ""
    earlier = Review.objects.filter(
        annotation__read__item=read.item_id,
        annotation__read__reader=read.reader_id,
        annotation__read__state=ReadState.RETURNED,
        verdict=ReviewVerdict.RETURN,
    )
    last = earlier.order_by("-created_at").first()
    return last.comment if last else ""


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


def _record(actor: User, annotation: Annotation, verdict: ReviewVerdict, comment: str) -> Review:
    if len(comment) > MAX_COMMENT:
        raise InvalidInput("comment_too_long", f"comment: At most {MAX_COMMENT} characters.")
    review = Review.objects.create(
        annotation=annotation,
        reader=annotation.author,
        reviewer=actor,
        verdict=verdict,
        comment=comment.strip(),
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
        personal={"comment": comment.strip()} if comment.strip() else {},
    )
    return review
