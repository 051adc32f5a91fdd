"""Managers give reads to named readers, move them, and take them back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import LIVE_READ_STATES, Read, ReadKind, ReadState, Study, StudyRole
from annotation.services.access import require_manager, role_for, roles_in
from annotation.services.queue import BEGUN_FIRST, READER_KINDS, available_reads, judged_by
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput

MAX_AT_ONCE = 1000


@transaction.atomic
def assign_reads(*, actor: User, study: Study, reads: Sequence[Read], reader: User) -> int:
    """Give open reads to a reader; ones that were assigned to somebody else move.

    Args:
        actor: A manager of the study.
        study: The study of all reads.
        reads: At most 1000.
        reader: A reader of the study; a reviewer for adjudications.

    Returns:
        How many reads the reader has got.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: The person does not read in this study, or a read is of another one.
        Conflict: A read is not open, or its image was given to this reader, or judged by them, already.
    """
    require_manager(actor, study)
    locked = _lock(study, reads)
    _require_roles(study, locked, reader)
    keys = [read.pk for read in locked]
    own_items = [read.item_id for read in locked if read.kind == ReadKind.PRIMARY]
    known = Read.objects.filter(Exists(_read_elsewhere(reader)) | _judged(reader), pk__in=keys)
    if len(set(own_items)) != len(own_items) or known.exists():
        raise Conflict(
            "already_theirs",
            "This reader has another read of one of these images already, or has judged one.",
        )
    return _give(actor, study, locked, reader)


@transaction.atomic
def assign_next(*, actor: User, study: Study, reader: User, count: int, source: User | None = None) -> int:
    """Give a reader the next reads of the open pool, or move those to them that wait for another reader.

    Reads of images that this reader may not get (read, judged or declined before) stay where they are, as do reads in hand.

    Args:
        actor: A manager of the study.
        study: Whose reads.
        reader: Who gets them: a reader of the study.
        count: At most so many, 1 to 1000.
        source: For whom they wait now; None takes them from the pool.

    Returns:
        How many reads the reader has got; fewer than `count` where there are no more.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: The person does not read in this study, it is the same person, or the count is out of range.
    """
    require_manager(actor, study)
    _check_count(count)
    if StudyRole.READER not in roles_in(reader, study):
        raise InvalidInput("not_a_reader", "reader: This person is not a reader of the study.")
    if source == reader:
        raise InvalidInput("same_reader", "reader: These reads wait for this person already.")
    rows = available_reads(reader, study, READER_KINDS, of=source).order_by("shuffle", "id")
    found = _one_of_each_image(rows.select_for_update(of=("self",), no_key=True, skip_locked=True), count)
    return _give(actor, study, found, reader) if found else 0


@transaction.atomic
def withdraw_reads(*, actor: User, study: Study, reads: Sequence[Read]) -> int:
    """Take open or leased reads back into the queue. What their readers send later is kept as a late answer.

    Returns:
        How many reads were taken back.

    Raises:
        NotAllowed: The actor does not manage the study.
        Conflict: A read is answered already.
    """
    require_manager(actor, study)
    return _take_back(actor, study, _lock(study, reads, states=(ReadState.OPEN, ReadState.LEASED)))


@transaction.atomic
def withdraw_next(*, actor: User, study: Study, reader: User, count: int) -> int:
    """Take reads back that wait for a reader, those that they would get last first; what is in hand stays there.

    Returns:
        How many reads were taken back; fewer than `count` where there are no more.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: The count is out of range.
    """
    require_manager(actor, study)
    _check_count(count)
    rows = Read.objects.filter(study=study, reader=reader, state=ReadState.OPEN, kind__in=READER_KINDS)
    last_first = rows.order_by(BEGUN_FIRST, "shuffle", "id").reverse()
    locked = list(last_first.select_for_update(no_key=True)[:count])
    return _take_back(actor, study, locked) if locked else 0


def _one_of_each_image(rows: QuerySet[Read], count: int) -> list[Read]:
    found: dict[UUID, Read] = {}
    while len(found) < count:
        more = list(rows.exclude(item__in=list(found))[: count - len(found)])
        if not more:
            break
        for read in more:
            found.setdefault(read.item_id, read)
    return list(found.values())


def _read_elsewhere(reader: User) -> QuerySet[Read]:
    primary = Read.objects.filter(item=OuterRef("item"), reader=reader, kind=ReadKind.PRIMARY)
    return primary.filter(state__in=LIVE_READ_STATES).exclude(pk=OuterRef("pk"))


def _judged(reader: User) -> Q:
    return ~Q(kind=ReadKind.ADJUDICATION) & Q(Exists(judged_by(reader)))


def _give(actor: User, study: Study, reads: Sequence[Read], reader: User) -> int:
    keys = [read.pk for read in reads]
    Read.objects.filter(pk__in=keys).update(reader=reader, is_assigned=True)
    _record(actor, study, "reads.assigned", {"reader": str(reader.pk), "reads": [str(key) for key in keys]})
    return len(keys)


def _take_back(actor: User, study: Study, reads: Sequence[Read]) -> int:
    keys = [read.pk for read in reads]
    Read.objects.filter(pk__in=keys).update(
        state=ReadState.OPEN, reader=None, is_assigned=False, leased_at=None, lease_until=None
    )
    _record(actor, study, "reads.withdrawn", {"reads": [str(key) for key in keys]})
    return len(keys)


def _require_roles(study: Study, reads: Sequence[Read], person: User) -> None:
    roles = roles_in(person, study)
    for read in reads:
        role = role_for(read.kind)
        if role not in roles:
            raise InvalidInput("not_a_reader", f"reader: This person is not a {role} of the study.")


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_AT_ONCE:
        raise InvalidInput("reads_out_of_range", f"count: Expected 1 to {MAX_AT_ONCE}.")


def _lock(
    study: Study, reads: Sequence[Read], states: tuple[ReadState, ...] = (ReadState.OPEN,)
) -> list[Read]:
    if not 0 < len(reads) <= MAX_AT_ONCE:
        raise InvalidInput("reads_out_of_range", f"reads: Name 1 to {MAX_AT_ONCE} reads.")
    rows = Read.objects.filter(study=study, pk__in=[read.pk for read in reads])
    locked = list(rows.select_for_update(no_key=True).order_by("id"))
    if len(locked) != len(reads):
        raise InvalidInput("foreign_read", "reads: All reads must be of this study, each named once.")
    for read in locked:
        if read.state not in states:
            raise Conflict("read_state", f"Read {read.pk} is {read.state}; nothing was changed.")
    return locked


def _record(actor: User, study: Study, action: str, facts: dict[str, object]) -> None:
    record_event(chain=study_chain(study), actor=actor, action=action, target=study, facts=facts)
