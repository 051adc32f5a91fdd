"""What studies hold of real images that are withdrawn: hidden controls, and snapshots of what grew from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from django.db.models import F

from annotation.models import Item, Read, ReadState
from annotation.services.holding import hold_touched, learnt_from, touched_snapshots, touched_studies
from generation.models import Dataset, SourceImage, Withdrawal
from synthlab.accounts.models import User
from synthlab.core.erasure import Trace


def traces(images: Sequence[UUID]) -> Iterator[Trace]:
    """Items that show one of these images as a hidden control; studies and snapshots of images that grew from them.

    Whose study it is, is not the data set's to know.
    """
    items = Item.objects.filter(source_image__in=images).order_by("created_at")
    for item in items:
        yield Trace(
            kind="study item",
            id=item.pk,
            title="Hidden control of a study",
            detail="It is shown to readers no more; answers given to it stay.",
        )
    rows = SourceImage.objects.filter(pk__in=images)
    studied = Dataset.objects.filter(studies__isnull=False).distinct()
    for dataset in studied.filter(pk__in=rows.order_by().values("dataset")):
        generators = learnt_from(dataset, rows.filter(dataset=dataset))
        for study, count in touched_studies(dataset, generators):
            yield Trace(
                kind="study",
                id=study.pk,
                title=f"Study of {study.created_at:%-d %b %Y}, {study.state}",
                detail=f"It reads {count} images of these generators. Nothing happens to it by itself: retire the generators, "
                "and talk to its managers.",
            )
        for snapshot, count in touched_snapshots(dataset, generators):
            yield Trace(
                kind="snapshot",
                id=snapshot.pk,
                title=f"Snapshot {snapshot.digest[:12]} of a study, {snapshot.item_count} images",
                detail=f"{count} of its images come from these generators. It is not exported, and its archives "
                "are not handed out, until a manager of the study has allowed or forbidden it.",
            )


def let_go(actor: User, images: Sequence[UUID]) -> None:
    """Nobody is handed these images any more: readings that wait or are at work become void, snapshots are held."""
    reads = Read.objects.filter(
        item__source_image__in=images, state__in=(ReadState.OPEN, ReadState.LEASED)
    ).values_list("pk", flat=True)
    Read.objects.filter(pk__in=list(reads)).update(
        state=ReadState.VOID, reader=None, is_assigned=False, lease_until=None, rev=F("rev") + 1
    )
    for withdrawal in Withdrawal.objects.filter(images__in=images).select_related("dataset").distinct():
        hold_touched(actor=actor, withdrawal=withdrawal)


def forget(files: Sequence[Path]) -> None:
    """Nothing: a reading's pixels are made when they are asked for, and never kept."""
