"""The images of a batch as one archive: zip, or a tar as WebDataset reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Set
from functools import partial

from django.db.models import Count, F, IntegerField, Q, Sum
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponseBase

from generation.models import Batch, BatchState
from generation.services import archive_parts
from generation.services.archive_parts import Entry
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.serving import MadeContent, serve_made

SELECTIONS = ("all", "kept")
FORMATS = {"zip": ("zip", "application/zip"), "webdataset": ("tar", "application/x-tar")}
# Part of the ETag: another layout of the archive is another archive.
_LAYOUT = 1
_ROWS = 1000


def serve_archive(
    request: HttpRequest, *, batch: Batch, form: str, selection: str = "all"
) -> HttpResponseBase:
    """Serve what a batch that has ended holds; a broken download can go on where it broke.

    Args:
        request: Its Range, If-Range and If-None-Match headers are honoured.
        batch: One that the person may see.
        form: A key of `FORMATS`.
        selection: `all`, the batch as it was made: the same bytes whatever was discarded since; or `kept`.

    Raises:
        InvalidInput: There is no such format or selection.
        Conflict: The batch is still being made, or holds nothing.
    """
    if form not in FORMATS:
        raise InvalidInput("unknown_format", f"format: one of {', '.join(FORMATS)}.")
    if selection not in SELECTIONS:
        raise InvalidInput("unknown_selection", f"images: one of {', '.join(SELECTIONS)}.")
    if batch.state in (BatchState.QUEUED, BatchState.RUNNING):
        raise Conflict("batch_not_finished", f"This batch is {batch.state}; download it when it has ended.")
    ending, content_type = FORMATS[form]
    return serve_made(
        request,
        archive_of(batch, form, selection),
        content_type=content_type,
        filename=f"batch-{batch.pk}.{ending}",
    )


def archive_of(batch: Batch, form: str, selection: str = "all") -> MadeContent:
    """The archive of the images that stand, one image in memory at a time.

    Raises:
        Conflict: The batch holds no image, or all are discarded and kept ones are asked for.
    """
    blocks = Cast((F("size") + 511) / 512, IntegerField())
    classed = Count("pk", filter=~Q(class_key=""))
    sums = batch.images.aggregate(count=Count("pk"), total=Sum("size"), blocks=Sum(blocks), classed=classed)
    # Read once: what is discarded while the archive is sent must not break it.
    rows = batch.images.discarded() if selection == "kept" else batch.images.none()
    gone = list(rows.order_by("index").values_list("index", "size", "class_key"))
    count = sums["count"] - len(gone)
    if not count:
        raise Conflict("batch_empty", "This batch holds no image: it ended too early, or all are discarded.")
    total = sums["total"] - sum(size for _, size, _ in gone)
    # Images are only ever added, so within a batch their number says which they are, but for those left out.
    left_out = frozenset(index for index, _, _ in gone)
    said = f"{_LAYOUT}|{form}|{batch.pk}|{sums['count']}|{sums['total']}"
    said += f"|without {sorted(left_out)}" if left_out else ""
    entries = partial(_entries, batch, left_out)
    if form == "zip":
        size = archive_parts.zip_size(count, total)
        parts = partial(archive_parts.zip_parts, entries, count, total)
    else:
        blocks_gone = sum(archive_parts.padded_size(size) // 512 for _, size, _ in gone)
        classed_gone = sum(bool(key) for _, _, key in gone)
        size = archive_parts.tar_size(count, sums["blocks"] - blocks_gone, sums["classed"] - classed_gone)
        parts = partial(archive_parts.tar_parts, entries)

    def read(first: int, length: int) -> Iterator[bytes]:
        return archive_parts.cut(parts(), first, length)

    return MadeContent(size=size, etag=hashlib.sha256(said.encode()).hexdigest(), read=read)


def _entries(batch: Batch, left_out: Set[int]) -> Iterator[Entry]:
    """By index, some rows at a time: a slow download must not hold a transaction open for hours."""
    places = {key: place for place, key in enumerate(batch.generator.classes)}
    fields = ("index", "digest", "size", "seed", "class_key", "crc32")
    after = -1
    while rows := list(batch.images.filter(index__gt=after).order_by("index").values(*fields)[:_ROWS]):
        for row in rows:
            if row["index"] in left_out:
                continue
            yield Entry(**row, place=places.get(row["class_key"]))
        after = rows[-1]["index"]
