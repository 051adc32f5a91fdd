"""A reader's own answers, taken up again while nobody else has built on them.

Which answers are open is told by time alone: all that the person gave after the last one in which somebody else had a
say. Were each answer judged by its own image, whatever happens to a hidden control otherwise than to its neighbours
would show.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from annotation.models import (
    Annotation,
    Item,
    ItemState,
    Read,
    ReadKind,
    ReadState,
    Review,
    ReviewVerdict,
    SnapshotItem,
    StudyState,
)
from annotation.services.access import require_role, role_for
from annotation.services.answers import describe_answer
from annotation.services.deciding import lock_item, plan_read, top_up_reads
from annotation.services.queue import take_leases
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict


def reopenable(reader: User, reads: Sequence[Read]) -> set[UUID]:
    """Which of these answered reads their reader may take up again. One query, whatever their number.

    Args:
        reader: Whose reads these are.
        reads: Submitted, with their `study` loaded.
    """
    closed = _closed_until(reader, reads)
    return {
        read.pk
        for read in reads
        if read.study.state == StudyState.OPEN and not _is_closed(read, closed.get(read.study_id))
    }


@transaction.atomic
def reopen_read(*, actor: User, read: Read) -> Read:
    """Take an own answer up again: a new read, in the person's hand, that begins with what they had said.

    The earlier answer stays in the history of the image and counts no more.

    Raises:
        NotAllowed: The person has left the study.
        Conflict: `reopen_closed`: the study is not open, the read has no answer, or somebody else has built on this
            answer or on a later one of the same person.
    """
    require_role(actor, read.study, role_for(read.kind))
    item = lock_item(read.item_id)
    if item.study.state != StudyState.OPEN:
        raise _closed("The study is not open at the moment.")
    read.refresh_from_db(fields=["state"])
    if read.state != ReadState.SUBMITTED:
        raise _closed("This answer does not stand any more: it was returned or reopened.")
    if _is_closed(read, _closed_until(actor, [read]).get(read.study_id)):
        raise _closed("This answer, or one that you gave after it, has been reviewed or used since.")
    final = Annotation.objects.get(read=read, is_final=True)
    again = read_again(item, final, reader=actor, is_flagged=read.is_flagged)
    take_leases([again], actor)
    if read.kind != ReadKind.REPEAT:  # a repeat never decides anything
        state = ItemState.DISPUTED if read.kind == ReadKind.ADJUDICATION else ItemState.READING
        Item.objects.filter(pk=item.pk).update(state=state, outcome=None, decided_at=None)
    record_event(
        chain=study_chain(read.study),
        actor=actor,
        action="read.reopened",
        target=read,
        facts={"annotation": str(final.pk), "again": str(again.pk)},
    )
    again.refresh_from_db()
    return again


def read_again(item: Item, annotation: Annotation, *, reader: User | None, is_flagged: bool = False) -> Read:
    """Close the read of a final answer and plan another one that begins with it; `item` is locked.

    Args:
        item: What was read.
        annotation: The answer; it stays in the history.
        reader: Who reads again; None lets anybody.
        is_flagged: Whether the new answer begins with the wish for a second opinion.

    Raises:
        Conflict: The answer does not count any more.
    """
    read = annotation.read
    moved = Read.objects.filter(pk=read.pk, state=ReadState.SUBMITTED).update(state=ReadState.RETURNED)
    if moved != 1:
        raise Conflict("not_in_review", "This answer does not stand any more: it was returned or reopened.")
    kind = ReadKind(read.kind)
    again = plan_read(item, kind, reader=reader, is_assigned=reader is not None, rev=1)
    Annotation.objects.create(
        read=again,
        revision=1,
        author=annotation.author,
        decision=annotation.decision,
        draft={**describe_answer(annotation), "flag_second_opinion": is_flagged},
    )
    if kind != ReadKind.ADJUDICATION:
        top_up_reads(item)
    return again


def _closed(why: str) -> Conflict:
    return Conflict(
        "reopen_closed", f"{why} It cannot be reopened; tell the study's manager what should change."
    )


def _is_closed(read: Read, until: datetime | None) -> bool:
    return until is not None and read.submitted_at is not None and read.submitted_at <= until


def _closed_until(reader: User, reads: Sequence[Read]) -> dict[UUID, datetime]:
    """By study, when the person gave the last answer in which somebody else had a say; nothing older than these reads."""
    times = [read.submitted_at for read in reads if read.submitted_at]
    if not times:
        return {}
    studies = {read.study_id for read in reads}
    rows = _touched_by_others(reader).filter(study__in=studies, submitted_at__gte=min(times))
    return dict(rows.values_list("study").annotate(last=Max("submitted_at")).order_by())


def _touched_by_others(reader: User) -> QuerySet[Read]:
    """Answers of a person whose image was reviewed, disputed, settled by somebody else, or frozen into a snapshot."""
    own = Read.objects.answered_by(reader)
    reviews = Review.objects.filter(annotation__read__item=OuterRef("item"))
    reviewed = reviews.exclude(verdict=ReviewVerdict.RETURN)  # a returned answer was given anew since
    settled = Read.objects.filter(item=OuterRef("item"), kind=ReadKind.ADJUDICATION).exclude(reader=reader)
    frozen = SnapshotItem.objects.filter(item=OuterRef("item"))
    return own.filter(Exists(reviewed) | Exists(settled) | Exists(frozen))
