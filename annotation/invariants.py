"""What must always hold in annotation's rows; `synthlab check` runs these."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Exists, F, OuterRef, Q

from annotation.models import (
    LIVE_READ_STATES,
    Export,
    ExportState,
    Item,
    Read,
    ReadKind,
    ReadState,
    Review,
    Snapshot,
    SnapshotItem,
    Study,
    StudyState,
)
from annotation.services.signing import signature_holds
from generation.models import SourceImage
from synthlab.core.invariants import digest_source, invariant


@invariant("no image is given to more readers than its study asks for")
def no_item_is_over_assigned() -> Iterator[str]:
    live = Count("reads", filter=Q(reads__kind=ReadKind.PRIMARY, reads__state__in=LIVE_READ_STATES))
    rows = Item.objects.annotate(live=live).filter(live__gt=F("study__reads_per_item"))
    for pk, count in rows.values_list("pk", "live"):
        yield f"item {pk}: {count} live primary reads"


@invariant("nobody reads the same image twice as a primary reader")
def no_reader_reads_twice() -> Iterator[str]:
    rows = Read.objects.filter(kind=ReadKind.PRIMARY, state__in=LIVE_READ_STATES, reader__isnull=False)
    for row in rows.values("item", "reader").annotate(n=Count("id")).filter(n__gt=1).order_by():
        yield f"item {row['item']}: reader {row['reader']} has {row['n']} reads"


@invariant("nobody reviews their own reading")
def nobody_reviews_their_own() -> Iterator[str]:
    own = Q(reviewer=F("annotation__author")) | Q(reviewer=F("reader")) | ~Q(reader=F("annotation__author"))
    for review in Review.objects.filter(own):
        yield f"review {review.pk}"


@invariant("nobody reads an image afresh after judging another's answer to it")
def nobody_reads_what_they_judged() -> Iterator[str]:
    known = Review.objects.filter(
        annotation__read__item=OuterRef("item"),
        reviewer=OuterRef("reader"),
        created_at__lt=OuterRef("leased_at"),
    )
    rows = Read.objects.filter(Exists(known), submitted_at__isnull=False).exclude(kind=ReadKind.ADJUDICATION)
    for pk in rows.values_list("pk", flat=True):
        yield f"read {pk}"


@invariant("every submitted read has its final answer, and no other read has one")
def answers_are_there() -> Iterator[str]:
    finals = Count("annotations", filter=Q(annotations__is_final=True))
    answered = Q(state__in=(ReadState.SUBMITTED, ReadState.RETURNED))
    rows = Read.objects.annotate(finals=finals)
    broken = rows.filter((answered & ~Q(finals=1)) | (~answered & ~Q(finals=0)))
    for pk, state, count in broken.values_list("pk", "state", "finals"):
        yield f"read {pk} is {state} and has {count} final answers"


@invariant("the answer that decided an image is a final one about that image")
def outcomes_are_final() -> Iterator[str]:
    rows = Item.objects.filter(outcome__isnull=False)
    for item in rows.filter(~Q(outcome__read__item=F("pk")) | Q(outcome__is_final=False)):
        yield f"item {item.pk}"


@invariant("an open study holds images")
def open_studies_hold_images() -> Iterator[str]:
    for study in Study.objects.filter(state=StudyState.OPEN, items__isnull=True):
        yield f"study {study.pk}"


@invariant("a snapshot holds accepted synthetic images only, and as many as it says")
def snapshots_are_whole() -> Iterator[str]:
    foreign = ~Q(image=F("item__synthetic_image")) | Q(item__source_image__isnull=False)
    for row in SnapshotItem.objects.filter(foreign):
        yield f"snapshot {row.snapshot_id}: image {row.image_id} is not that of its item"
    counted = Snapshot.objects.annotate(held=Count("items")).exclude(held=F("item_count"))
    for pk, held, promised in counted.values_list("pk", "held", "item_count"):
        yield f"snapshot {pk}: {held} of {promised} images"


@invariant("a family of related images stands in one split of a snapshot")
def families_are_not_torn() -> Iterator[str]:
    rows = SnapshotItem.objects.exclude(split="").values("snapshot", "family").order_by()
    for row in rows.annotate(splits=Count("split", distinct=True)).filter(splits__gt=1):
        yield f"snapshot {row['snapshot']}: family {row['family']} stands in {row['splits']} splits"


@invariant("a snapshot is split whole or not at all")
def splits_are_whole() -> Iterator[str]:
    named = Count("items", filter=~Q(items__split=""))
    for pk, count in (
        Snapshot.objects.annotate(named=named)
        .filter(named__gt=0)
        .exclude(named=F("item_count"))
        .values_list("pk", "named")
    ):
        yield f"snapshot {pk}: {count} images have a split, the others have none"


@invariant("a signed snapshot is what was signed")
def signatures_hold() -> Iterator[str]:
    signed = Snapshot.objects.filter(signed_at__isnull=False).select_related("study__schema")
    for snapshot in signed.iterator():
        if not signature_holds(snapshot):
            yield f"snapshot {snapshot.pk}: its content or its signature was changed"


@invariant("no snapshot holds a real image's pixels")
def snapshots_hold_no_real_pixels() -> Iterator[str]:
    real = SourceImage.objects.values("pixel_digest")
    for row in SnapshotItem.objects.filter(image__pixel_digest__in=real):
        yield f"snapshot {row.snapshot_id}: image {row.image_id}"


@digest_source("annotation")
def files_named() -> Iterator[str]:
    """Every archive that an export names."""
    done = Export.objects.filter(state=ExportState.SUCCEEDED)
    yield from done.values_list("digest", flat=True).iterator()
