"""Handing out reads: one claim is one short transaction.

The order is a stored random number, so a random order is a walk along an index; each reader's claims go on from where
the last one came to. On PostgreSQL rows that another claim holds are skipped (`SKIP LOCKED`); on SQLite transactions
are IMMEDIATE, so claims follow one another. On both the lease is taken by a guarded UPDATE that must change one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, Exists, Min, OuterRef, Q, QuerySet, When
from django.db.models.functions import Now

from annotation.models import (
    LIVE_READ_STATES,
    Item,
    ItemState,
    Membership,
    Read,
    ReadHolder,
    ReadKind,
    ReadSkip,
    ReadState,
    Review,
    SkipKind,
    Study,
    StudyRole,
    StudyState,
)
from synthlab.accounts.models import User
from synthlab.core.exceptions import InvalidInput, NotAllowed

LEASE = timedelta(minutes=15)
MAX_HELD = 3
_RECLAIM_AT_ONCE = 50
# What was returned, or begun and given back, has its next answer half written.
BEGUN_FIRST = Case(When(rev__gt=0, then=0), default=1)

READER_KINDS = (ReadKind.PRIMARY, ReadKind.REPEAT, ReadKind.CONTROL)
_KINDS: dict[str, tuple[ReadKind, ...]] = {
    StudyRole.READER: READER_KINDS,
    StudyRole.REVIEWER: (ReadKind.ADJUDICATION,),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a reader got; without reads, why.

    Attributes:
        reads: Reads that the reader holds now, unfinished ones first.
        reason: `all_done`, `leased` (others hold what is left), `paused` or `closed`; None where there are reads.
        until: When the first of the others' leases ends, for `leased`.
    """

    reads: tuple[Read, ...]
    reason: str | None = None
    until: datetime | None = None


def claim_reads(*, reader: User, study: Study, count: int = 1) -> Claim:
    """Hand out up to `count` reads; a person holds at most three at a time.

    Unfinished reads that the person holds come first and are renewed, then reads assigned to them, then the queue; what
    they put aside for later comes last. Never an image that they have read already. Claims are not audited one by one:
    who ever held a read stands in ReadHolder.

    Args:
        reader: A reader (primary reads) or reviewer (adjudications) of the study.
        study: Whose queue.
        count: 1 to 3.

    Raises:
        NotAllowed: The person neither reads nor reviews in this study.
        InvalidInput: The count is out of range.
    """
    if not 1 <= count <= MAX_HELD:
        raise InvalidInput("count_out_of_range", f"count: Expected 1 to {MAX_HELD}.")
    with transaction.atomic():
        # The person's own rows are the lock between two tabs: no image twice, and never more than three held.
        roles = list(
            Membership.objects.select_for_update(of=("self",), no_key=True)
            .filter(study=study, user=reader, role__in=tuple(_KINDS))
            .select_related("study")
            .order_by("role")
        )
        if not roles:
            raise NotAllowed("study_role_needed", "Only readers and reviewers of this study get reads.")
        state = roles[0].study.state
        if state != StudyState.OPEN:
            return Claim((), "closed" if state == StudyState.CLOSED else "paused")
        held = _renew_held(reader, study, count)
        if len(held) < count:
            _reclaim_expired(study)
            held += _take(reader, study, roles, count - len(held))
        if held:
            return Claim(tuple(held))
        return _explain(reader, study, _kinds(roles))


def take_leases(reads: Sequence[Read], reader: User) -> list[Read]:
    """Open → leased by this person; those that were open still, as they are now. The rows are locked by the caller."""
    keys = [read.pk for read in reads]
    Read.objects.filter(pk__in=keys, state=ReadState.OPEN).update(
        state=ReadState.LEASED, reader=reader, leased_at=Now(), lease_until=Now() + LEASE
    )
    held = {row.pk: row for row in Read.objects.filter(pk__in=keys, state=ReadState.LEASED, reader=reader)}
    ReadHolder.objects.bulk_create(
        [ReadHolder(read=read, reader=reader) for read in held.values()], ignore_conflicts=True
    )
    ReadSkip.objects.filter(read__in=held, reader=reader, kind=SkipKind.LATER).delete()
    begun = Item.objects.filter(pk__in={read.item_id for read in held.values()}, state=ItemState.WAITING)
    if len(held) > 1:
        # Locked in the order of their ids: two claims that share images must not wait for each other in a circle.
        list(begun.select_for_update(no_key=True).order_by("id").values_list("pk"))
    begun.update(state=ItemState.READING)
    return [held[key] for key in keys if key in held]


def available_reads(
    reader: User, study: Study, kinds: tuple[ReadKind, ...], *, of: User | None = None
) -> QuerySet[Read]:
    """Open reads of the queue, or of those that wait for `of`, that this person may get.

    No image that they have read, that they said is not theirs, or (but to settle a dispute) about which they have judged
    somebody else's answer.
    """
    own = Read.objects.filter(
        item=OuterRef("item"), reader=reader, state__in=(*LIVE_READ_STATES, ReadState.RETURNED)
    )
    declined = ReadSkip.objects.filter(read__item=OuterRef("item"), reader=reader, kind=SkipKind.NOT_MY_FIELD)
    queue = Read.objects.filter(study=study, state=ReadState.OPEN, kind__in=kinds)
    queue = queue.filter(reader__isnull=True) if of is None else queue.filter(reader=of)
    judged = ~Q(kind=ReadKind.ADJUDICATION) & Exists(judged_by(reader))
    return queue.filter(~Exists(own), ~Exists(declined), ~judged)


def judged_by(reader: User) -> QuerySet[Review]:
    """Reviews by this person of the image of an outer read: whoever knows an answer does not read the image afresh."""
    return Review.objects.filter(annotation__read__item=OuterRef("item"), reviewer=reader)


def _kinds(roles: list[Membership]) -> tuple[ReadKind, ...]:
    return tuple(kind for role in roles for kind in _KINDS[role.role])


def _renew_held(reader: User, study: Study, count: int) -> list[Read]:
    mine = Read.objects.filter(study=study, reader=reader, state=ReadState.LEASED)
    # Waited for, not skipped: a draft that is just being saved holds the very read that the person is at.
    waited = mine.select_for_update(of=("self",), no_key=True).order_by("leased_at", "shuffle", "id")
    keys = [read.pk for read in waited[:count]]
    if not keys:
        return []
    Read.objects.filter(pk__in=keys).update(lease_until=Now() + LEASE)
    return list(Read.objects.filter(pk__in=keys).order_by("leased_at", "shuffle", "id"))


def _reclaim_expired(study: Study) -> None:
    """Expired leases go back to open; assigned reads stay with their reader."""
    expired = _locked(Read.objects.lease_expired().filter(study=study)).order_by("lease_until")
    rows = list(expired[:_RECLAIM_AT_ONCE])
    for assigned in (True, False):
        keys = [read.pk for read in rows if read.is_assigned == assigned]
        if not keys:
            continue
        freed: dict[str, object] = {"state": ReadState.OPEN, "leased_at": None, "lease_until": None}
        if not assigned:
            freed["reader"] = None
        Read.objects.filter(pk__in=keys, state=ReadState.LEASED).update(**freed)


def _take(reader: User, study: Study, roles: list[Membership], wanted: int) -> list[Read]:
    taken: list[Read] = []
    for rows, role in _sources(reader, study, roles):
        while len(taken) < wanted:
            ahead = rows.filter(shuffle__gte=role.queue_shuffle) if role else rows
            found = _pick(ahead, wanted - len(taken))
            if not found:
                break
            taken += take_leases(found, reader)
            if role:
                _move_cursor(role, found[-1].shuffle)
        if len(taken) >= wanted:
            break
    return taken


def _sources(
    reader: User, study: Study, roles: list[Membership]
) -> Iterator[tuple[QuerySet[Read], Membership | None]]:
    """Where to look, one after the other; with the role whose place in the shuffle the search starts from."""
    assigned = Read.objects.filter(study=study, reader=reader, state=ReadState.OPEN)
    yield assigned.order_by(BEGUN_FIRST, "shuffle", "id"), None
    queue = available_reads(reader, study, _kinds(roles)).order_by("shuffle", "id")
    put_aside = ReadSkip.objects.filter(read=OuterRef("pk"), reader=reader, kind=SkipKind.LATER)
    fresh = queue.filter(~Exists(put_aside))
    yield fresh, roles[0]
    # Behind the place that the claims have come to there may be reads that were given back.
    _move_cursor(roles[0], 0)
    yield fresh, None
    yield queue, None


def _pick(rows: QuerySet[Read], wanted: int) -> list[Read]:
    """The first rows, locked, at most one of each image."""
    found: dict[object, Read] = {}
    for read in _locked(rows)[:wanted]:
        found.setdefault(read.item_id, read)
    return list(found.values())


def _move_cursor(role: Membership, shuffle: int) -> None:
    if role.queue_shuffle != shuffle:
        role.queue_shuffle = shuffle
        role.save(update_fields=["queue_shuffle"])


def _locked(rows: QuerySet[Read]) -> QuerySet[Read]:
    # Django leaves the lock out on SQLite, where the transaction holds the only write lock already.
    return rows.select_for_update(skip_locked=True, of=("self",), no_key=True)


def _explain(reader: User, study: Study, kinds: tuple[ReadKind, ...]) -> Claim:
    own = Read.objects.filter(
        item=OuterRef("item"), reader=reader, state__in=(*LIVE_READ_STATES, ReadState.RETURNED)
    )
    others = Read.objects.filter(study=study, state=ReadState.LEASED, kind__in=kinds).filter(~Exists(own))
    until = others.aggregate(first=Min("lease_until"))["first"]
    return Claim((), "leased", until) if until else Claim((), "all_done")
