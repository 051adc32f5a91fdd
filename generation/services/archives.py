"""The images of a batch as one archive: zip, or a tar as WebDataset reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from django.db.models import Count, F, IntegerField, Q, Sum
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponseBase

from generation.models import Batch, BatchState
from generation.services import archive_parts
from generation.services.archive_parts import Entry
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.serving import MadeContent, serve_made

FORMATS = {"zip": ("zip", "application/zip"), "webdataset": ("tar", "application/x-tar")}
# Part of the ETag: another layout of the archive is another archive.
_LAYOUT = 1
_ROWS = 1000


def serve_archive(request: HttpRequest, *, batch: Batch, form: str) -> HttpResponseBase:
    """Serve what a batch that has ended holds; a broken download can go on where it broke.

    Args:
        request: Its Range, If-Range and If-None-Match headers are honoured.
        batch: One that the person may see.
        form: A key of `FORMATS`.

    Raises:
        InvalidInput: There is no such format.
        Conflict: The batch is still being made, or holds nothing.
    """
    if form not in FORMATS:
        raise InvalidInput("unknown_format", f"format: one of {', '.join(FORMATS)}.")
    if batch.state in (BatchState.QUEUED, BatchState.RUNNING):
        raise Conflict("batch_not_finished", f"This batch is {batch.state}; download it when it has ended.")
    ending, content_type = FORMATS[form]
    return serve_made(
        request,
        archive_of(batch, form),
        content_type=content_type,
        filename=f"batch-{batch.pk}.{ending}",
    )


def archive_of(batch: Batch, form: str) -> MadeContent:
    """The archive of the images that stand, one image in memory at a time.

    Raises:
        Conflict: The batch holds no image.
    """
    blocks = Cast((F("size") + 511) / 512, IntegerField())
    classed = Count("pk", filter=~Q(class_key=""))
    sums = batch.images.aggregate(count=Count("pk"), total=Sum("size"), blocks=Sum(blocks), classed=classed)
    count, total = sums["count"], sums["total"]
    if not count:
        raise Conflict("batch_empty", "This batch ended before an image was complete.")
    # Images are only ever added, so within a batch their number says which they are.
    said = f"{_LAYOUT}|{form}|{batch.pk}|{count}|{total}"
    entries = partial(_entries, batch)
    if form == "zip":
        size = archive_parts.zip_size(count, total)
        parts = partial(archive_parts.zip_parts, entries, count, total)
    else:
        size = archive_parts.tar_size(count, sums["blocks"], sums["classed"])
        parts = partial(archive_parts.tar_parts, entries)

    def read(first: int, length: int) -> Iterator[bytes]:
        return archive_parts.cut(parts(), first, length)

    return MadeContent(size=size, etag=hashlib.sha256(said.encode()).hexdigest(), read=read)


def _entries(batch: Batch) -> Iterator[Entry]:
    """By index, some rows at a time: a slow download must not hold a transaction open for hours."""
    places = {key: place for place, key in enumerate(batch.generator.classes)}
    fields = ("index", "digest", "size", "seed", "class_key", "crc32")
    after = -1
    while rows := list(batch.images.filter(index__gt=after).order_by("index").values(*fields)[:_ROWS]):
        for row in rows:
            yield Entry(**row, place=places.get(row["class_key"]))
        after = rows[-1]["index"]
