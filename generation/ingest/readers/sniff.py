"""What a file is, by its content. Names are never looked at."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from generation.ingest.readers.archive import check_directory
from generation.ingest.rejection import RejectedError

_HEAD = 132
_NPY_MEMBER = re.compile(r"[A-Za-z0-9_]+\.npy")
_SYSTEM_FILES = (b"\x00\x05\x16\x07", b"\x00\x05\x16\x00", b"\x00\x00\x00\x01Bud1")


def sniff(path: Path) -> str:
    """Name the kind: ``dicom``, ``png``, ``jpeg``, ``tiff``, ``npz`` or ``zip``.

    Raises:
        RejectedError: empty, a system file, or nothing that is read here.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise RejectedError("empty_file")
    # DICOM first: its preamble may be anything, also the start of another format.
    if head[128:132] == b"DICM":
        return "dicom"
    for magic, kind in (
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"II*\x00", "tiff"),
        (b"MM\x00*", "tiff"),
        (b"II+\x00", "tiff"),
        (b"MM\x00+", "tiff"),
    ):
        if head.startswith(magic):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "npz" if _is_npz(path) else "zip"
    raise RejectedError("system_file" if head.startswith(_SYSTEM_FILES) else "unsupported_type")


def _is_npz(path: Path) -> bool:
    check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, UnicodeDecodeError):
        return False
    return bool(names) and all(_NPY_MEMBER.fullmatch(name) for name in names)
