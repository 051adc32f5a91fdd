"""A zip archive whose bytes depend on its content alone.

Members are stored, not compressed (compressor versions differ), in a given order, dated 1980-01-01, with one mode and
no extra fields. The archive is written under a temporary name and renamed when it is whole and on the disk.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o100644 << 16
_UNIX = 3
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive: from memory, or copied byte by byte from the disk."""

    name: str
    source: bytes | Path


def write_archive(
    target: Path, members: Iterable[Member], on_member: Callable[[str], None] | None = None
) -> None:
    """Write the members in the given order; the file is there whole or not at all.

    Args:
        target: Where the archive shall stand; its folder must exist.
        members: What it holds.
        on_member: Called with the name of every member that was written.

    Raises:
        ValueError: A name is not a plain relative path of ASCII letters, digits, `.`, `_` and `-`.
    """
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with unfinished.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for member in members:
                    _add(archive, member)
                    if on_member is not None:
                        on_member(member.name)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def check_name(name: str) -> None:
    """Refuse a name that could leave the folder it is unpacked in, or read differently elsewhere.

    Raises:
        ValueError: As said.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a plain relative file name: {name!r}")


def _add(archive: zipfile.ZipFile, member: Member) -> None:
    check_name(member.name)
    info = zipfile.ZipInfo(member.name, EPOCH)
    info.compress_type = zipfile.ZIP_STORED
    info.external_attr = MODE
    info.create_system = _UNIX
    if isinstance(member.source, bytes):
        archive.writestr(info, member.source)
        return
    info.file_size = member.source.stat().st_size
    with member.source.open("rb") as source, archive.open(info, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)
