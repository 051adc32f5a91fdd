"""What must always hold in generation's rows; `synthlab check` runs these."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, F

from generation.models import (
    Batch,
    BatchState,
    Generator,
    Rejection,
    SourceImage,
    SyntheticImage,
    TrainingSample,
)
from synthlab.core.files import path_of
from synthlab.core.invariants import digest_source, invariant, named_digests
from synthlab.core.models import LIVE_JOB_STATES


@invariant("a finished batch holds every image it promised")
def batches_are_complete() -> Iterator[str]:
    rows = Batch.objects.filter(state=BatchState.SUCCEEDED).annotate(held=Count("images"))
    for pk, held, count in rows.exclude(held=F("count")).values_list("pk", "held", "count"):
        yield f"batch {pk}: {held} of {count} images"


@digest_source("generation")
def files_named() -> Iterator[str]:
    """Every file that generation's rows name."""
    for model in (SyntheticImage, Generator, TrainingSample):
        yield from model.objects.values_list("digest", flat=True).iterator()
    # Before the images: a file that goes over to an image while this runs is seen here or there.
    kept = Rejection.objects.filter(decision="").values_list(
        "thumbnail_digest", "image_digest", "look_digest"
    )
    for digests in kept.iterator():
        yield from filter(None, digests)
    for digest, thumbnail in (
        SourceImage.objects.present().values_list("digest", "thumbnail_digest").iterator()
    ):
        yield digest
        if thumbnail:
            yield thumbnail


@invariant("no synthetic image has the pixels of a real one")
def no_real_pixels() -> Iterator[str]:
    real = SourceImage.objects.values("pixel_digest")
    for image in SyntheticImage.objects.filter(pixel_digest__in=real):
        yield f"synthetic image {image.pk} is identical to a real one"


@invariant("no file of a withdrawn image remains")
def withdrawn_files() -> Iterator[str]:
    """Tombstones whose files still stand, although no other row needs them and nobody is at work on erasing them."""
    gone = SourceImage.objects.filter(withdrawn_at__isnull=False)
    waiting = gone.filter(erased_at__isnull=True)
    for pk in waiting.exclude(withdrawal__job__state__in=LIVE_JOB_STATES).values_list("pk", flat=True):
        yield f"image {pk}: its erasing has not ended well; queue its job again"
    erased = gone.filter(erased_at__isnull=False).values_list("pk", "digest", "thumbnail_digest")
    standing = {
        digest: pk
        for pk, *digests in erased.iterator()
        for digest in digests
        if digest and path_of(digest).is_file()
    }
    if standing:
        named = {digest for _, digest in named_digests() if digest in standing}
        yield from (f"image {pk}: file {digest}" for digest, pk in standing.items() if digest not in named)
