"""What a withdrawal of real images does to snapshots: nothing of them leaves until a manager has decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from annotation.models import HoldDecision, Snapshot, SnapshotHold, Study
from annotation.services.access import require_manager
from generation.models import Dataset, SourceImage, Withdrawal
from generation.services.consequences import touched_generators
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput

MAX_REASON = 2000
Holder = TypeVar("Holder", Snapshot, Study)


def learnt_from(dataset: Dataset, images: QuerySet[SourceImage]) -> list[UUID]:
    """The generators that learnt from any of these real images, or may have.

    Args:
        dataset: Theirs.
        images: Present ones before a withdrawal, tombstones after it.
    """
    return [item.row.pk for item in touched_generators(dataset, images)]


def touched_snapshots(
    dataset: Dataset, generators: Sequence[UUID], *, only: Snapshot | None = None
) -> list[tuple[Snapshot, int]]:
    """Snapshots with how many of their images come from these generators of their data set.

    Args:
        dataset: Theirs.
        generators: See `learnt_from`.
        only: Look at this snapshot alone.
    """
    rows = Snapshot.objects.filter(image_set__dataset=dataset).select_related("study").order_by("created_at")
    if only is not None:
        rows = rows.filter(pk=only.pk)
    return _touched(rows, Q(items__image__batch__generator__in=generators))


def touched_studies(dataset: Dataset, generators: Sequence[UUID]) -> list[tuple[Study, int]]:
    """Studies with how many of their images come from these generators of their data set."""
    rows = Study.objects.filter(dataset=dataset).order_by("created_at")
    return _touched(rows, Q(items__synthetic_image__batch__generator__in=generators))


def _touched(rows: QuerySet[Holder], condition: Q) -> list[tuple[Holder, int]]:
    """Those that have items of which the condition holds, with how many."""
    counted = rows.annotate(touched=Count("items", filter=condition)).filter(touched__gt=0)
    counts = dict(counted.values_list("pk", "touched"))
    return [(row, counts[row.pk]) for row in rows.filter(pk__in=counts)]


def hold_touched(*, actor: User, withdrawal: Withdrawal, only: Snapshot | None = None) -> None:
    """Bar the export of every snapshot that a withdrawal touches; called in its transaction, and harmless again."""
    generators = learnt_from(withdrawal.dataset, withdrawal.images.all())
    for snapshot, count in touched_snapshots(withdrawal.dataset, generators, only=only):
        hold, made = SnapshotHold.objects.get_or_create(
            snapshot=snapshot, withdrawal=withdrawal, defaults={"member_count": count}
        )
        if made:
            record_event(
                chain=study_chain(snapshot.study),
                actor=actor,
                action="snapshot.held",
                target=hold,
                facts={"snapshot": str(snapshot.pk), "withdrawal": str(withdrawal.pk), "images": count},
            )


def hold_from_the_start(*, actor: User, snapshot: Snapshot) -> None:
    """A snapshot taken after a withdrawal is barred like one taken before it: freezing again is no way round."""
    withdrawals = snapshot.image_set.dataset.withdrawals.select_related("dataset")
    for withdrawal in withdrawals.order_by("created_at"):
        hold_touched(actor=actor, withdrawal=withdrawal, only=snapshot)


def count_touched(dataset: Dataset, generators: Iterable[object]) -> int:
    """How many of these images (told by their generator) come from one that learnt from what is withdrawn by now."""
    gone = dataset.images.filter(withdrawn_at__isnull=False)
    if not gone.exists():
        return 0
    touched = set(learnt_from(dataset, gone))
    return sum(generator in touched for generator in generators)


@transaction.atomic
def decide_hold(*, actor: User, hold: SnapshotHold, decision: str, reason: str) -> SnapshotHold:
    """Allow the export of a snapshot in spite of a withdrawal, or forbid it for good.

    Args:
        actor: A manager of the study.
        hold: An undecided one.
        decision: `allow` or `forbid`.
        reason: Why; kept beside the decision.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: Another decision, no reason, or one that is too long.
        Conflict: It is decided already.
    """
    require_manager(actor, hold.snapshot.study)
    if decision not in HoldDecision.values:
        raise InvalidInput("decision_unknown", "decision: Expected allow or forbid.")
    words = reason.strip()
    if not words or len(words) > MAX_REASON:
        raise InvalidInput(
            "reason_needed", f"reason: Say why, in at most {MAX_REASON} characters; it is kept for good."
        )
    decided = SnapshotHold.objects.undecided().filter(pk=hold.pk)
    if decided.update(decision=decision, decided_by=actor, decided_at=timezone.now(), reason=words) != 1:
        raise Conflict("hold_decided", "Somebody has decided this already. Reload the page to see how.")
    hold.refresh_from_db()
    record_event(
        chain=study_chain(hold.snapshot.study),
        actor=actor,
        action=f"snapshot.export_{'allowed' if decision == HoldDecision.ALLOW else 'forbidden'}",
        target=hold,
        facts={"snapshot": str(hold.snapshot_id), "withdrawal": str(hold.withdrawal_id)},
        personal={"reason": words},
    )
    return hold


def refuse_held(snapshot: Snapshot) -> None:
    """Refuse what would let a held snapshot leave: a new export, one at work, and archives that stand already.

    Raises:
        Conflict: `snapshot_held`.
    """
    if SnapshotHold.objects.barring().filter(snapshot=snapshot).exists():
        raise Conflict(
            "snapshot_held",
            "Real images were withdrawn from which generators of this snapshot had learnt. Nothing of it leaves until a "
            "manager of the study has allowed it, on the page of the snapshot.",
        )
