"""Readers: a file of the upload in, pictures and refusals out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generation.ingest.guard import NO_WATCH, Watch, guarded
from generation.ingest.limits import Limits
from generation.ingest.picture import Picture
from generation.ingest.readers import archive, dicom, npz, png_jpeg_tiff
from generation.ingest.readers.sniff import sniff
from generation.ingest.rejection import Refusal, RejectedError


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read an upload.

    Attributes:
        limits: ceilings.
        scratch: an existing folder for one unpacked file at a time.
        folder_classes: folders of an archive are classes, as the person confirmed.
        companions: places that were read before, as files that speak of pictures.
        watch: told of every place before it is read.
    """

    limits: Limits
    scratch: Path
    folder_classes: bool = False
    companions: frozenset[str] = frozenset()
    watch: Watch = NO_WATCH


def read_upload(path: Path, place: str, how: Reading) -> Iterator[Picture | Refusal]:
    """Read one staged file, whatever it is; every failure inside it is a refusal, never an exception."""
    return guarded(_open(path, place, None, how=how, depth=0), place, how.limits, how.watch)


def _open(
    path: Path, place: str, label: str | None, *, how: Reading, depth: int
) -> Iterator[Picture | Refusal]:
    if place in how.companions:
        return
    size = path.stat().st_size
    if size > how.limits.file_bytes:
        raise RejectedError("too_large", size=size, limit=how.limits.file_bytes)
    kind = sniff(path)
    if kind in ("zip", "npz") and depth:
        raise RejectedError("archive_nested")
    match kind:
        case "zip":
            inner = partial(_open, how=how, depth=depth + 1)
            unpacking = archive.Unpacking(how.limits, how.scratch, how.folder_classes, how.watch)
            yield from archive.read(path, place, unpacking, inner)
        case "npz":
            yield from npz.read(path, place, how.limits)
        case "dicom":
            yield from dicom.read(path, place, how.limits, label)
        case _:
            yield from png_jpeg_tiff.read(path, place, kind, how.limits, label)
