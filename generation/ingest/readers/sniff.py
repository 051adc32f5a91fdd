"""What a file is, by its content. Names are never looked at."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from generation.ingest.readers.archive import check_directory
from generation.ingest.rejection import RejectedError

_HEAD = 132
_NPY_MEMBER = re.compile(r"[A-Za-z0-9_]+\.npy")
_MAGICS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x00\x05\x16\x07", "system"),
    (b"\x00\x05\x16\x00", "system"),
    (b"\x00\x00\x00\x01Bud1", "system"),
)


def sniff(path: Path) -> str:
    """Name the kind: ``dicom``, ``png``, ``jpeg``, ``tiff``, ``npz`` or ``zip``.

    Raises:
        RejectedError: empty, a system file, or nothing that is read here.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise RejectedError("empty_file")
    kind = magic_of(head)
    if kind == "zip":
        return "npz" if is_npz(path) else "zip"
    if kind is None:
        raise RejectedError("unsupported_type")
    if kind == "system":
        raise RejectedError("system_file")
    return kind


def magic_of(head: bytes) -> str | None:
    """The kind that the first bytes tell: also ``system`` for a file of the operating system; None for no kind."""
    # DICOM first: its preamble may be anything, also the start of another format.
    if head[128:132] == b"DICM":
        return "dicom"
    return next((kind for magic, kind in _MAGICS if head.startswith(magic)), None)


def is_npz(path: Path) -> bool:
    """Whether a zip holds NumPy arrays and nothing else.

    Raises:
        RejectedError: no zip that may be opened.
    """
    check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    return bool(names) and all(_NPY_MEMBER.fullmatch(name) for name in names)
