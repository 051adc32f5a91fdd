"""Zips made to harm."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable

from tests.generation.ingest.builders import encoded, texture, zipped
from tests.generation.ingest.hostile.corpus import OK, hostile

MIB = 2**20
_DIRECTORY_ENTRY = "<4s4B4HL2L5H2L"
_END = "<4s4H2LH"


def image(seed: int) -> bytes:
    return encoded(texture(seed))


def edited(change: Callable[[zipfile.ZipFile], None], seed: int) -> bytes:
    """An archive of one image whose directory is falsified before it is written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", image(seed))
        change(archive)
    return buffer.getvalue()


def local(name: bytes, packed: bytes, size: int, crc: int, method: int = 8) -> bytes:
    head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, method, 0, 33, crc, len(packed), size, len(name), 0)
    return head + name


def entry(name: bytes, packed: int, size: int, crc: int, offset: int, method: int = 8) -> bytes:
    return (
        struct.pack(
            _DIRECTORY_ENTRY, b"PK\1\2", 20, 3, 20, 0, 0, method, 0, 33, crc, packed, size, len(name), 0, 0, 0, 0,
            0, offset,
        )
        + name
    )  # fmt: skip


def closed(body: bytes, entries: list[bytes], comment: bytes = b"") -> bytes:
    directory = b"".join(entries)
    count = min(len(entries), 0xFFFF)
    end = struct.pack(_END, b"PK\5\6", 0, 0, count, count, len(directory), len(body), len(comment))
    return body + directory + end + comment


@hostile(
    "archive_ratio",
    "archive_ratio",
    OK,
    why="a few kB of zeros become 64 MiB a member",
    mirrors="openemr #7406",
)
def zip_flat_bomb() -> bytes:
    return zipped([("0", bytes(64 * MIB)), ("1", bytes(64 * MIB)), ("honest.png", image(1))])


@hostile(
    "archive_overlap", why="members quote each other's headers inside deflate blocks", mirrors="CVE-2024-0450"
)
def zip_quoted_overlap() -> bytes:
    names = [str(number).encode() for number in range(60)]
    raw = bytes(4 * MIB)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(raw) + packer.flush()
    whole, entries, head_size = b"", [], 0
    for name in reversed(names):
        if whole:
            head, rest = whole[:head_size], whole[head_size:]
            raw = head + raw
            packed = b"\0" + struct.pack("<2H", len(head), len(head) ^ 0xFFFF) + head + rest
        head = local(name, packed, len(raw), zlib.crc32(raw))
        whole, head_size = head + packed, len(head)
        entries.append((name, len(packed), len(raw), zlib.crc32(raw), len(whole)))
    return closed(whole, [entry(n, p, s, c, len(whole) - end) for n, p, s, c, end in reversed(entries)])


@hostile("archive_overlap", why="fifty names for one and the same bytes", mirrors="CVE-2024-0450")
def zip_full_overlap() -> bytes:
    def repeat(archive: zipfile.ZipFile) -> None:
        for number in range(50):
            twin = zipfile.ZipInfo(f"{number}.png")
            for field in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(twin, field, getattr(archive.filelist[0], field))
            archive.filelist.append(twin)

    return edited(repeat, 2)


@hostile("archive_nested", OK, why="a zip inside a zip: each level multiplies", mirrors="42.zip")
def zip_nested() -> bytes:
    inner = zipped([("x", bytes(MIB))])
    for _ in range(5):
        inner = zipped([("inner.zip", inner)])
    return zipped([("deeper.zip", inner), ("honest.png", image(3))])


@hostile("archive_too_large", why="extra fields claim a terabyte in zip64", mirrors="CVE-2025-8291")
def zip_zip64_lie() -> bytes:
    packed = zlib.compress(b"x")[2:-4]
    head = local(b"a.png", packed, 1, zlib.crc32(b"x"))
    extra = struct.pack("<2HQ", 1, 8, 2**40)
    row = bytearray(entry(b"a.png", len(packed), 0xFFFFFFFF, zlib.crc32(b"x"), 0))
    struct.pack_into("<H", row, 30, len(extra))
    return closed(head + packed, [bytes(row) + extra])


@hostile(
    "archive_zip64",
    why="a zip64 end record that points elsewhere than the plain one",
    mirrors="CVE-2025-8291",
)
def zip_zip64_trailer() -> bytes:
    honest = zipped([("a.png", image(4))])
    at = honest.rindex(b"PK\5\6")
    return honest[:at] + struct.pack("<4sLQL", b"PK\6\7", 0, 2**62, 1) + honest[at:]


@hostile("archive_too_many", why="100,000 empty members: one row each in somebody's memory", mirrors="S5")
def zip_100k_members() -> bytes:
    body, entries = bytearray(), []
    for number in range(100_000):
        name = b"%d" % number
        entries.append(entry(name, 0, 0, 0, len(body), 0))
        body += local(name, b"", 0, 0, 0)
    return closed(bytes(body), entries)


@hostile(OK, OK, why="two files of one name: which one is meant?", mirrors="duplicate entries, CVE-2013-4787")
def zip_duplicate_names() -> bytes:
    return zipped([("same.png", image(5)), ("same.png", image(6))])


@hostile("archive_encrypted", why="cannot be read without a password", mirrors="S5")
def zip_encrypted() -> bytes:
    def flag(archive: zipfile.ZipFile) -> None:
        archive.filelist[0].flag_bits |= 1

    return edited(flag, 7)


@hostile("archive_link", "archive_link", "archive_link", "archive_link", OK,
         why="links, devices and pipes among the members", mirrors="zip slip by link, CVE-2026-47682")  # fmt: skip
def zip_links() -> bytes:
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = []
    for name, kind in (("l", stat.S_IFLNK), ("b", stat.S_IFBLK), ("p", stat.S_IFIFO), ("s", stat.S_IFSOCK)):
        odd = zipfile.ZipInfo(name)
        odd.create_system, odd.external_attr = 3, (kind | 0o777) << 16
        members.append((odd, b"/etc/passwd"))
    return zipped([*members, ("honest.png", image(8))])


@hostile(OK, OK, OK, OK, why="names that climb out of any folder", mirrors="zip slip, CVE-2026-47682")
def zip_traversal() -> bytes:
    names = ("../../../../evil.png", "/tmp/evil.png", "..\\..\\evil.png", "C:\\evil.png")
    return zipped([(name, image(10 + number)) for number, name in enumerate(names)])


@hostile(
    OK,
    why="a name with a NUL: what stands behind it is seen by some and not by others",
    mirrors="CVE-2019-9674",
)
def zip_nul_name() -> bytes:
    return zipped([("a.pngX../../evil", image(15))]).replace(b"a.pngX../../evil", b"a.png\0../../evil")


@hostile(
    "archive_damaged",
    why="the directory and the member disagree about the name",
    mirrors="parser differential",
)
def zip_two_names() -> bytes:
    honest = zipped([("first.png", image(16))])
    at = honest.rindex(b"first.png")
    return honest[:at] + b"other.png" + honest[at + 9 :]


@hostile("archive_damaged", why="claims 10 bytes and unpacks to more", mirrors="S5: count what comes out")
def zip_claims_little() -> bytes:
    def claim(archive: zipfile.ZipFile) -> None:
        archive.filelist[0].file_size = 10

    return edited(claim, 17)


@hostile("archive_too_large", why="claims more than any upload may hold", mirrors="S5")
def zip_claims_much() -> bytes:
    def claim(archive: zipfile.ZipFile) -> None:
        archive.filelist[0].file_size = 3 * 2**30

    return edited(claim, 18)


@hostile("archive_damaged", why="the checksum is not that of the bytes", mirrors="tampering on the way")
def zip_wrong_checksum() -> bytes:
    def claim(archive: zipfile.ZipFile) -> None:
        archive.filelist[0].CRC ^= 1

    return edited(claim, 19)


@hostile(
    "archive_damaged", why="the directory is said to start behind the end", mirrors="out-of-bounds offsets"
)
def zip_directory_outside() -> bytes:
    honest = bytearray(zipped([("a.png", image(20))]))
    struct.pack_into("<L", honest, honest.rindex(b"PK\5\6") + 16, 0x7FFFFFFF)
    return bytes(honest)


@hostile("archive_damaged", why="a second end record hides in the comment", mirrors="parser differential")
def zip_end_in_comment() -> bytes:
    honest = zipped([("a.png", image(21))])
    return honest[:-2] + struct.pack("<H", 22) + struct.pack(_END, b"PK\5\6", 0, 0, 1, 1, 50, 5, 0)


@hostile(
    "archive_method",
    "archive_method",
    OK,
    why="packers with bombs of their own",
    mirrors="unbounded LZMA, bzip2",
)
def zip_rare_methods() -> bytes:
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = []
    for number, method in enumerate((zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)):
        odd = zipfile.ZipInfo(str(number))
        odd.compress_type = method
        members.append((odd, bytes(MIB)))
    return zipped([*members, ("honest.png", image(22))])


@hostile("archive_damaged", why="a name that says UTF-8 and is not", mirrors="decoding errors as crashes")
def zip_broken_utf8() -> bytes:
    return zipped([("\u00e9\u00e9.png", image(23))]).replace("\u00e9\u00e9".encode(), b"\xff\xfe\xff\xfe")


@hostile(OK, why="a folder that carries 64 MiB", mirrors="members that are skipped but unpacked")
def zip_heavy_folder() -> bytes:
    return zipped([("folder/", bytes(64 * MIB)), ("honest.png", image(24))])


@hostile("archive_damaged", OK, why="the deflate stream stops half-way", mirrors="truncation")
def zip_cut_stream() -> bytes:
    raw = image(25)
    packed = zlib.compress(raw)[2:-4]
    half = packed[: len(packed) // 2]
    honest = image(26)
    body = local(b"a", half, len(raw), zlib.crc32(raw)) + half
    rows = [entry(b"a", len(half), len(raw), zlib.crc32(raw), 0)]
    rows.append(entry(b"b", len(honest), len(honest), zlib.crc32(honest), len(body), 0))
    return closed(body + local(b"b", honest, len(honest), zlib.crc32(honest), 0) + honest, rows)


@hostile("archive_damaged", why="says that it goes on on another disk", mirrors="multi-disk confusion")
def zip_many_disks() -> bytes:
    honest = bytearray(zipped([("a.png", image(27))]))
    at = honest.rindex(b"PK\5\6")
    struct.pack_into("<2H", honest, at + 4, 7, 7)
    del honest[at - 10 : at]
    return bytes(honest)
