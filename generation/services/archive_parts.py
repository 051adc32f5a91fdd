"""The bytes of an archive as parts of known length, so that any range can be sent without making what lies before it.

Zip: members stored, in the layout of PKWARE's APPNOTE 6.3 (4.3.7 local header, 4.3.12 central directory, 4.3.14 and
4.3.15 the zip64 ends, 4.3.16 the end), the zip64 forms only where numbers need them. Tar: POSIX ustar, as WebDataset
reads it: files of the same name before the point are one sample.
"""

from __future__ import annotations

import json
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from synthlab.core.files import open_digest

# Length in bytes, and how to make them.
Part = tuple[int, Callable[[], bytes]]

_BLOCK = 512
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_OFFSET_EXTRA = struct.Struct("<2HQ")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_DATED_1980 = 0x21  # the first day a zip can name; the archive is the same bytes whenever it is made
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True)
class Entry:
    """One image of an archive: what its row knows. `place` is its class among the generator's; None without classes."""

    index: int
    digest: str
    size: int
    seed: str
    class_key: str
    place: int | None
    crc32: int | None

    @property
    def name(self) -> str:
        """The member's name without what follows the point."""
        return f"{self.index:06d}"

    def read(self) -> bytes:
        """The file's bytes."""
        with open_digest(self.digest) as file:
            return file.read()

    def checksum(self) -> int:
        """The CRC-32 of the file, from its row where the row has it."""
        return zlib.crc32(self.read()) if self.crc32 is None else self.crc32


Entries = Callable[[], Iterable[Entry]]
_NAME_LENGTH = len("000000.png")


def zip_size(count: int, total: int) -> int:
    """Bytes of the zip of `count` files of `total` bytes together."""
    directory = total + count * (_LOCAL.size + _NAME_LENGTH)
    record = _CENTRAL.size + _NAME_LENGTH + (_OFFSET_EXTRA.size if _is_wide(directory) else 0)
    return directory + count * record + len(_zip_end(count, directory, count * record))


def zip_parts(entries: Entries, count: int, total: int) -> Iterator[Part]:
    """The zip, part by part; asks for the entries twice."""
    for entry in entries():
        yield _LOCAL.size + _NAME_LENGTH, partial(_local, entry)
        yield entry.size, entry.read
    directory = total + count * (_LOCAL.size + _NAME_LENGTH)
    wide = _is_wide(directory)
    record = _CENTRAL.size + _NAME_LENGTH + (_OFFSET_EXTRA.size if wide else 0)
    offset = 0
    for entry in entries():
        yield record, partial(_central, entry, offset, wide=wide)
        offset += _LOCAL.size + _NAME_LENGTH + entry.size
    end = _zip_end(count, directory, count * record)
    yield len(end), lambda: end


def _is_wide(directory: int) -> bool:
    """Whether offsets need more than 32 bits; all records then have the long form, so that all have one length."""
    return directory >= _MAX_32


def _local(entry: Entry) -> bytes:
    sizes = (entry.checksum(), entry.size, entry.size)
    return (
        _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATED_1980, *sizes, _NAME_LENGTH, 0)
        + f"{entry.name}.png".encode()
    )


def _central(entry: Entry, offset: int, *, wide: bool) -> bytes:
    version = 45 if wide else 20
    made_by = 3 << 8 | version  # Unix, for the mode
    extra = _OFFSET_EXTRA.pack(1, 8, offset) if wide else b""
    head = _CENTRAL.pack(
        b"PK\1\2", made_by, version, 0, 0, 0, _DATED_1980, entry.checksum(), entry.size, entry.size,
        _NAME_LENGTH, len(extra), 0, 0, 0, 0o100644 << 16, _MAX_32 if wide else offset,
    )  # fmt: skip
    return head + f"{entry.name}.png".encode() + extra


def _zip_end(count: int, directory: int, length: int) -> bytes:
    wide = count >= _MAX_16 or _is_wide(directory) or length >= _MAX_32
    end = b""
    if wide:
        end = _END64.pack(b"PK\6\6", _END64.size - 12, 45, 45, 0, 0, count, count, length, directory)
        end += _LOCATOR64.pack(b"PK\6\7", 0, directory + length, 1)
    counts = (min(count, _MAX_16), min(count, _MAX_16))
    return end + _END.pack(b"PK\5\6", 0, 0, *counts, min(length, _MAX_32), min(directory, _MAX_32), 0)


def tar_size(count: int, blocks: int, classed: int) -> int:
    """Bytes of the tar of `count` images that take so many blocks, `classed` of which have a class."""
    return _BLOCK * (blocks + 3 * count + 2 * classed + 2)


def tar_parts(entries: Entries) -> Iterator[Part]:
    """The tar, part by part."""
    for entry in entries():
        yield _BLOCK, partial(_tar_header, f"{entry.name}.png", entry.size)
        yield padded_size(entry.size), partial(_padded_file, entry)
        yield 2 * _BLOCK, partial(_said_file, entry)
        if entry.place is not None:
            yield 2 * _BLOCK, partial(_small_file, f"{entry.name}.cls", str(entry.place).encode())
    yield 2 * _BLOCK, lambda: bytes(2 * _BLOCK)


def padded_size(size: int) -> int:
    """`size` in whole blocks of a tar."""
    return -(-size // _BLOCK) * _BLOCK


def _padded_file(entry: Entry) -> bytes:
    return _padded(entry.read())


def _said_file(entry: Entry) -> bytes:
    """At most one block: a class key has 60 characters at most, each 6 bytes at most."""
    said = {
        "index": entry.index,
        "class": entry.class_key or None,
        "seed": entry.seed,
        "sha256": entry.digest,
    }
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return _small_file(f"{entry.name}.json", text.encode())


def _small_file(name: str, data: bytes) -> bytes:
    return _tar_header(name, len(data)) + _padded(data)


def _tar_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(format=tarfile.USTAR_FORMAT)


def _padded(data: bytes) -> bytes:
    return data.ljust(padded_size(len(data)), b"\0")


def cut(parts: Iterator[Part], first: int, length: int) -> Iterator[bytes]:
    """`length` bytes from `first` on; parts before them are counted, not made."""
    at, end = 0, first + length
    for size, make in parts:
        if at >= end:
            return
        if at + size > first:
            yield make()[max(first - at, 0) : end - at]
        at += size
