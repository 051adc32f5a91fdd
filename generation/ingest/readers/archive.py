"""Zip uploads: refuse bombs from the directory alone, then take one file after the other, never by its name."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generation.ingest.guard import Watch, guarded
from generation.ingest.limits import MIB, Limits
from generation.ingest.picture import Picture
from generation.ingest.rejection import Refusal, RejectedError

Opener = Callable[[Path, str, str | None], Iterator[Picture | Refusal]]

_END = b"PK\x05\x06"
_END_SIZE = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_SIZE = 20
_LOCAL_HEADER = 30
_DIRECTORY_BYTES = 16 * MIB
# Below this, a flat image packs well beyond the ratio and harms nobody.
_RATIO_FROM = MIB
_ENCRYPTED = 0x1 | 0x40
_CHUNK = MIB


@dataclass(frozen=True, slots=True)
class Unpacking:
    """How to unpack.

    Attributes:
        limits: ceilings on members, bytes and ratio.
        scratch: an existing folder.
        folder_classes: whether a member's folder is its class.
        watch: told of every place before it is read.
    """

    limits: Limits
    scratch: Path
    folder_classes: bool
    watch: Watch


def read(path: Path, place: str, how: Unpacking, open_member: Opener) -> Iterator[Picture | Refusal]:
    """Yield what the members hold, at places ``"PLACE/n"``: n counts the archive's own listing from 1.

    A member is unpacked to one scratch file of our own naming, read, and removed before the next. Its name is used
    for nothing but, where the person asked for it, the class that its folder names.

    Args:
        path: the zip.
        place: its place in the upload.
        how: limits and where to.
        open_member: reads an unpacked member, given its place and class.

    Raises:
        RejectedError: the whole archive is damaged, too large, or built like a bomb.
    """
    check_directory(path)
    unpacked = how.scratch / "member"
    try:
        archive = zipfile.ZipFile(path)
    # ValueError also covers offsets before the start and names that are not in the encoding they claim.
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise RejectedError("archive_damaged") from error
    with archive:
        members = archive.infolist()
        check_members(members, archive.start_dir, how.limits)
        budget = _Budget(how.limits.archive_bytes)
        for number, member in enumerate(members, start=1):
            if member.is_dir():
                continue
            spot = f"{place}/{number}"
            label = _folder(member.filename) if how.folder_classes else None
            try:
                entries = _member(archive, member, spot, label, unpacked, how.limits, budget, open_member)
                yield from guarded(entries, spot, how.limits, how.watch)
            finally:
                unpacked.unlink(missing_ok=True)


class _Budget:
    """Bytes that may still be unpacked, whatever the directory claims."""

    def __init__(self, left: int) -> None:
        self.limit = self.left = left

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise RejectedError("archive_too_large", limit=self.limit)


def _member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    place: str,
    label: str | None,
    unpacked: Path,
    limits: Limits,
    budget: _Budget,
    open_member: Opener,
) -> Iterator[Picture | Refusal]:
    check_member(member, limits)
    try:
        with archive.open(member) as source, unpacked.open("wb") as target:
            while chunk := source.read(_CHUNK):
                budget.spend(len(chunk))
                target.write(chunk)
    except zipfile.BadZipFile as error:
        raise RejectedError("archive_damaged") from error
    yield from open_member(unpacked, place, label)


def check_directory(path: Path) -> None:
    """Look at the end record before a library reads the whole directory into memory.

    Raises:
        RejectedError: no end record, the zip64 format, or a directory larger than any honest one.
    """
    size = path.stat().st_size
    window = min(size, 2**16 + _END_SIZE + _ZIP64_LOCATOR_SIZE)
    with path.open("rb") as file:
        file.seek(size - window)
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise RejectedError("archive_damaged")
    directory_bytes, offset = struct.unpack_from("<II", tail, at + 12)
    zip64 = tail[max(at - _ZIP64_LOCATOR_SIZE, 0) :].startswith(_ZIP64_LOCATOR)
    if zip64 or 0xFFFFFFFF in (directory_bytes, offset):
        raise RejectedError("archive_zip64")
    if directory_bytes > _DIRECTORY_BYTES:
        raise RejectedError("archive_too_many", limit=Limits().archive_members)


def check_members(members: list[zipfile.ZipInfo], directory_start: int, limits: Limits) -> None:
    """Refuse an archive as a whole by what its directory says.

    Raises:
        RejectedError: empty, too many members, too many bytes, or members that share bytes.
    """
    if all(member.is_dir() for member in members):
        raise RejectedError("archive_empty")
    if len(members) > limits.archive_members:
        raise RejectedError("archive_too_many", limit=limits.archive_members)
    if sum(member.file_size for member in members) > limits.archive_bytes:
        raise RejectedError("archive_too_large", limit=limits.archive_bytes)
    in_order = sorted(members, key=lambda member: member.header_offset)
    if in_order[0].header_offset < 0:
        raise RejectedError("archive_damaged")
    ends = [member.header_offset + _LOCAL_HEADER + member.compress_size for member in in_order]
    starts = [member.header_offset for member in in_order[1:]] + [directory_start]
    if any(end > start for end, start in zip(ends, starts, strict=True)):
        raise RejectedError("archive_overlap")


def check_member(member: zipfile.ZipInfo, limits: Limits) -> None:
    """Refuse one member by what the directory says of it.

    Raises:
        RejectedError: encrypted, a link, packed by a method that is not read, or beyond the ratio.
    """
    if member.flag_bits & _ENCRYPTED:
        raise RejectedError("archive_encrypted")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise RejectedError("archive_link")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RejectedError("archive_method")
    if member.file_size > max(_RATIO_FROM, member.compress_size * limits.archive_ratio):
        raise RejectedError("archive_ratio", limit=limits.archive_ratio)


def _folder(name: str) -> str | None:
    """The innermost folder of a member, as a class; None at the top level or for a name that is none."""
    folder = PurePosixPath(name.replace("\\", "/")).parent.name.strip()
    return folder if folder and folder != ".." and folder.isprintable() and len(folder) <= 60 else None
