"""A zip archive whose bytes depend on its content alone, written and read by this one description of it.

Members are stored, not compressed (compressor versions differ), in a given order, dated 1980-01-01, with one mode and
no extra fields but the offsets of zip64 where numbers need them. Layout: PKWARE's APPNOTE 6.3 (4.3.7 local header,
4.3.12 central directory, 4.3.14 to 4.3.16 the ends). The list of members lies on the disk while an archive is written,
so that a hundred thousand of them take no more memory than ten.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from annotation.export.formats import Member

EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o100644 << 16
CHUNK = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_DATED_1980 = 0x21
_UNIX = 3 << 8
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF
LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_OFFSET_EXTRA = struct.Struct("<2HQ")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the archive, as the manifest lists it."""

    path: str
    size: int
    sha256: str


def write_archive(
    target: Path, members: Iterable[Member], on_member: Callable[[FileRow], None] = lambda row: None
) -> None:
    """Write the members in the given order; the file is there whole or not at all.

    Args:
        target: Where the archive shall stand; its folder must exist.
        members: What it holds; each is asked for its data when its turn comes.
        on_member: Called with every member that was written.

    Raises:
        ValueError: A name is not a plain relative path of ASCII letters, digits, `.`, `_` and `-`, or a file is
            larger than 4 GiB.
    """
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with (
            unfinished.open("wb", buffering=CHUNK) as file,
            tempfile.TemporaryFile(dir=target.parent) as listed,
        ):
            directory = Directory(listed)
            for member in members:
                on_member(_add(file, directory, member))
            directory.finish(file)
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


def local_header(name: bytes, checksum: int, size: int) -> bytes:
    """What stands before a member's bytes."""
    return LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATED_1980, checksum, size, size, len(name), 0) + name


class Directory:
    """The central directory, gathered in a file while the members are written or read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._count, self._length = file, 0, 0
        self.offset = 0  # where the next member begins

    def add(self, name: bytes, checksum: int, size: int) -> None:
        """Note a member that begins at `offset`."""
        wide = self.offset >= _MAX_32
        extra = _OFFSET_EXTRA.pack(1, 8, self.offset) if wide else b""
        version = 45 if wide else 20
        row = _CENTRAL.pack(
            b"PK\1\2", _UNIX | version, version, 0, 0, 0, _DATED_1980, checksum, size, size, len(name),
            len(extra), 0, 0, 0, MODE, min(self.offset, _MAX_32),
        )  # fmt: skip
        self._file.write(row + name + extra)
        self._count += 1
        self._length += len(row) + len(name) + len(extra)
        self.offset += LOCAL.size + len(name) + size

    def finish(self, target: IO[bytes]) -> None:
        """Write directory and end."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK):
            target.write(chunk)
        target.write(self._end())

    def _end(self) -> bytes:
        count, length, offset = self._count, self._length, self.offset
        end = b""
        if count >= _MAX_16 or length >= _MAX_32 or offset >= _MAX_32:
            end = _END64.pack(b"PK\6\6", _END64.size - 12, 45, 45, 0, 0, count, count, length, offset)
            end += _LOCATOR64.pack(b"PK\6\7", 0, offset + length, 1)
        short = min(count, _MAX_16)
        return end + _END.pack(b"PK\5\6", 0, 0, short, short, min(length, _MAX_32), min(offset, _MAX_32), 0)


def _add(file: IO[bytes], directory: Directory, member: Member) -> FileRow:
    check_name(member.name)
    name = member.name.encode("ascii")
    if isinstance(member.data, bytes):
        checksum, size = zlib.crc32(member.data), len(member.data)
        file.write(local_header(name, checksum, size))
        file.write(member.data)
        digest = member.sha256 or hashlib.sha256(member.data).hexdigest()
    else:
        checksum, size, digest = _stream(file, directory.offset, name, member.data)
    directory.add(name, checksum, size)
    return FileRow(member.name, size, digest)


def _stream(file: IO[bytes], offset: int, name: bytes, parts: Iterable[bytes]) -> tuple[int, int, str]:
    """Write parts whose length nobody knows before, then the header in front of them."""
    checksum, size, digest = 0, 0, hashlib.sha256()
    file.write(local_header(name, 0, 0))
    for part in parts:
        file.write(part)
        checksum = zlib.crc32(part, checksum)
        digest.update(part)
        size += len(part)
    if size > _MAX_32:
        raise ValueError(f"{name.decode()} is larger than 4 GiB")
    file.seek(offset)
    file.write(local_header(name, checksum, size))
    file.seek(0, os.SEEK_END)
    return checksum, size, digest.hexdigest()
