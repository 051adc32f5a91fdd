"""Readers: a file of the upload in, pictures and refusals out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generation.ingest.guard import guarded
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
        burned_in_checked: a person looked at the images and found no text burned in.
    """

    limits: Limits
    scratch: Path
    folder_classes: bool = False
    burned_in_checked: bool = False


def read_upload(path: Path, place: str, how: Reading) -> Iterator[Picture | Refusal]:
    """Read one staged file, whatever it is; every failure inside it is a refusal, never an exception."""
    return guarded(_open(path, place, None, how=how, depth=0), place, how.limits)


def _open(
    path: Path, place: str, label: str | None, *, how: Reading, depth: int
) -> Iterator[Picture | Refusal]:
    size = path.stat().st_size
    if size > how.limits.file_bytes:
        raise RejectedError("too_large", size=size, limit=how.limits.file_bytes)
    kind = sniff(path)
    if kind in ("zip", "npz") and depth:
        raise RejectedError("archive_nested")
    match kind:
        case "zip":
            inner = partial(_open, how=how, depth=depth + 1)
            yield from archive.read(path, place, how.limits, how.scratch, how.folder_classes, inner)
        case "npz":
            yield from npz.read(path, place, how.limits)
        case "dicom":
            yield from dicom.read(path, place, how.limits, label, how.burned_in_checked)
        case _:
            yield from png_jpeg_tiff.read(path, place, kind, how.limits, label)
