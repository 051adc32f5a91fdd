"""The files of many images in one answer, as they are: nothing is decoded.

A screen shows hundreds of small pictures; asked for one by one, most of the time goes into asking (docs/decisions/0060).

The answer is little-endian: the number n of images; n pairs of index and length in bytes; then the n PNG files without
gaps. An image that is not there has the length 0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from generation.models import Batch
from synthlab.core.exceptions import NotFound
from synthlab.core.files import open_digest

CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Pack:
    """The bytes of an answer, and whether each image that was asked for is in it."""

    content: bytes
    is_whole: bool


def pack_files(batch: Batch, indexes: Sequence[int]) -> Pack:
    """The files of these images of a batch, in this order."""
    digests = dict(batch.images.filter(index__in=indexes).values_list("index", "digest"))
    files = [_read(digests.get(index)) for index in indexes]
    pairs = [number for index, file in zip(indexes, files, strict=True) for number in (index, len(file))]
    head = struct.pack(f"<{1 + len(pairs)}I", len(indexes), *pairs)
    return Pack(b"".join([head, *files]), is_whole=all(files))


def _read(digest: str | None) -> bytes:
    if digest is None:
        return b""
    try:
        with open_digest(digest) as file:
            return file.read()
    except NotFound:
        return b""  # said of this image alone; the others are shown
