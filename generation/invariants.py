"""What must always hold in generation's rows; `synthlab check` runs these."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, F

from generation.models import Batch, BatchState, Generator, SourceImage, SyntheticImage
from synthlab.core.files import path_of
from synthlab.core.invariants import invariant


@invariant("a finished batch holds every image it promised")
def batches_are_complete() -> Iterator[str]:
    rows = Batch.objects.filter(state=BatchState.SUCCEEDED).annotate(held=Count("images"))
    for batch in rows.exclude(held=F("count")):
        yield f"batch {batch.pk}: {batch.held} of {batch.count} images"


@invariant("every image and generator row has its file")
def files_exist() -> Iterator[str]:
    for model in (SyntheticImage, Generator):
        for pk, digest in model.objects.values_list("pk", "digest").iterator():
            if not path_of(digest).is_file():
                yield f"{model.__name__} {pk}: file {digest[:12]}… is missing"
    for pk, digest in SourceImage.objects.present().values_list("pk", "digest").iterator():
        if not path_of(digest).is_file():
            yield f"SourceImage {pk}: file is missing"


@invariant("no synthetic image has the pixels of a real one")
def no_real_pixels() -> Iterator[str]:
    real = SourceImage.objects.values("pixel_digest")
    for image in SyntheticImage.objects.filter(pixel_digest__in=real):
        yield f"synthetic image {image.pk} is identical to a real one"
