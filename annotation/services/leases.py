"""What a reader does with a read in hand, short of answering: keep it, give it back, put it aside."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from django.db import transaction
from django.db.models.functions import Now

from annotation.models import LIVE_READ_STATES, Read, ReadKind, ReadSkip, ReadState, SkipKind
from annotation.services.access import role_for, roles_in
from annotation.services.queue import LEASE, take_leases
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotFound


class Standing(Enum):
    """How a person stands to a read that was once handed to them."""

    HELD = "held"
    UNCLAIMED = "unclaimed"
    ANSWERED = "answered"
    LOST = "lost"


def lock_read(*, actor: User, read: Read) -> tuple[Read, Standing]:
    """The read's row, locked, and how the person stands to it. Call it inside a transaction.

    Raises:
        NotFound: The read was never this person's.
    """
    rows = Read.objects.visible_to(actor).filter(pk=read.pk).select_for_update(of=("self",), no_key=True)
    locked = rows.select_related("study__schema", "item__synthetic_image", "item__source_image").first()
    if locked is None:
        raise NotFound("not_found", "There is no such thing here, or it is not yours to see.")
    return locked, _standing(locked, actor)


@transaction.atomic
def renew_lease(*, actor: User, read: Read) -> Read:
    """Hold a read for another 15 minutes; one whose lease ended, but that nobody took, is held again.

    Raises:
        Conflict: The read has gone to someone else, or is answered.
    """
    locked, standing = lock_read(actor=actor, read=read)
    refuse_lost(standing)
    refuse_answered(standing, locked)
    hold(locked, actor, standing)
    return locked


@transaction.atomic
def release_read(*, actor: User, read: Read, lease_until: datetime | None = None) -> Read:
    """Give a read back to the queue; a draft is kept. Giving back what is not held changes nothing.

    Args:
        actor: Who holds it.
        read: What they give back.
        lease_until: The lease that they mean. A page that is loaded again claims afresh, sometimes before what it said on
            leaving has come: that must not take the new lease away.
    """
    locked, standing = lock_read(actor=actor, read=read)
    if standing is Standing.HELD and lease_until in (None, locked.lease_until):
        _give_back(locked, keep_reader=locked.is_assigned)
    return locked


@transaction.atomic
def skip_read(*, actor: User, read: Read, kind: str) -> Read:
    """Put a read aside: `later` brings it back when all else is done, `not_my_field` never to this person.

    Raises:
        InvalidInput: The kind is unknown.
        Conflict: The read has gone to someone else, or is answered.
    """
    if kind not in SkipKind.values:
        raise InvalidInput("skip_unknown", f"kind: Expected one of {', '.join(SkipKind.values)}.")
    locked, standing = lock_read(actor=actor, read=read)
    refuse_lost(standing)
    refuse_answered(standing, locked)
    ReadSkip.objects.update_or_create(read=locked, reader=actor, defaults={"kind": kind})
    _give_back(locked, keep_reader=locked.is_assigned and kind == SkipKind.LATER)
    record_event(
        chain=study_chain(locked.study),
        actor=actor,
        action="read.skipped",
        target=locked,
        facts={"kind": kind},
    )
    return locked


def hold(read: Read, actor: User, standing: Standing) -> None:
    """Lease a read to the person who holds it, or who held it and nobody took it since."""
    if standing is Standing.UNCLAIMED and not take_leases([read], actor):
        raise lease_lost()
    Read.objects.filter(pk=read.pk, state=ReadState.LEASED, reader=actor).update(lease_until=Now() + LEASE)
    read.refresh_from_db(fields=["lease_until", "leased_at", "state", "reader"])


def refuse_lost(standing: Standing) -> None:
    """Refuse what needs the read in hand.

    Raises:
        Conflict: It has gone to someone else.
    """
    if standing is Standing.LOST:
        raise lease_lost()


def refuse_answered(standing: Standing, read: Read) -> None:
    """Refuse to change a read whose answer was taken.

    Raises:
        Conflict: It was.
    """
    if standing is Standing.ANSWERED:
        raise Conflict(
            "already_submitted", f"This read is {read.state}: its answer is kept and no longer changed."
        )


def lease_lost(*, kept: bool = False) -> Conflict:
    """The refusal that a reader gets whose read has gone to someone else."""
    what = "Your answer is kept and shown to the manager of the study." if kept else "Nothing was changed."
    return Conflict(
        "lease_lost", f"This read was handed to someone else after its lease ended. {what}", kept=kept
    )


def _standing(read: Read, actor: User) -> Standing:
    mine = read.reader_id == actor.pk
    if read.state in (ReadState.SUBMITTED, ReadState.RETURNED):
        return Standing.ANSWERED if mine else Standing.LOST
    if role_for(read.kind) not in roles_in(actor, read.study):
        return (
            Standing.LOST
        )  # they have left the study: what they still send is kept and offered, and does not count
    if read.state == ReadState.LEASED:
        return Standing.HELD if mine else Standing.LOST
    if (
        read.state == ReadState.OPEN
        and (mine or read.reader_id is None)
        and not _reads_elsewhere(read, actor)
    ):
        return Standing.UNCLAIMED
    return Standing.LOST


def _reads_elsewhere(read: Read, actor: User) -> bool:
    """Whether the person has another live read of the same image: one image is read once by one person."""
    if read.kind != ReadKind.PRIMARY:
        return False
    others = Read.objects.filter(item=read.item_id, reader=actor, kind=ReadKind.PRIMARY)
    return others.filter(state__in=LIVE_READ_STATES).exclude(pk=read.pk).exists()


def _give_back(read: Read, *, keep_reader: bool) -> None:
    read.state, read.leased_at, read.lease_until = ReadState.OPEN, None, None
    if not keep_reader:
        read.reader, read.is_assigned = None, False
    read.save(update_fields=["state", "leased_at", "lease_until", "reader", "is_assigned"])
