"""TIFF files made to harm."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from tests.generation.ingest.builders import encoded, texture
from tests.generation.ingest.hostile.corpus import OK, hostile

Tag = tuple[int, int, int, int]
SHORT, LONG = 3, 4


def tiff(tags: list[Tag], data: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory, its data behind it (offset `DATA`)."""
    rows = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    body = struct.pack("<H", len(tags)) + rows + struct.pack("<I", following)
    return (b"II*\0" + struct.pack("<I", 8) + body).ljust(DATA, b"\0") + data


DATA = 512


def plain(width: int = 64, height: int = 64, **changes: int) -> list[Tag]:
    """Tags of an unpacked grey picture in one strip; `changes` as ``t258=16``."""
    values = {
        256: width,
        257: height,
        258: 8,
        259: 1,
        262: 1,
        273: DATA,
        277: 1,
        278: height,
        279: width * height,
    }
    values |= {int(name[1:]): value for name, value in changes.items()}
    return [(tag, LONG, 1, value) for tag, value in values.items()]


def pixels(seed: int) -> bytes:
    return bytes(texture(seed).tobytes())


@hostile("damaged", why="tiles of 2³⁰ pixels a side", mirrors="S6: tile lies")
def tiff_tile_lies() -> bytes:
    tags = [tag for tag in plain() if tag[0] not in (273, 278, 279)]
    tags += [(322, LONG, 1, 2**30), (323, LONG, 1, 2**30), (324, LONG, 1, DATA), (325, LONG, 1, 4096)]
    return tiff(tags, pixels(60))


@hostile(
    "damaged", why="packed tiles larger than the picture they are part of", mirrors="libtiff tile overflow"
)
def tiff_packed_tile_lies() -> bytes:
    tags = [tag for tag in plain(t259=5) if tag[0] not in (273, 278, 279)]
    tags += [(322, LONG, 1, 65_536), (323, LONG, 1, 65_536), (324, LONG, 1, DATA), (325, LONG, 1, 4096)]
    return tiff(tags, pixels(61))


@hostile(OK, why="a directory that names itself as the next", mirrors="endless IFD chain")
def tiff_endless_directories() -> bytes:
    return tiff(plain(), pixels(62), following=8)


@hostile("too_many_pixels", why="says 60,000 × 60,000", mirrors="S6")
def tiff_huge() -> bytes:
    return tiff(plain(60_000, 60_000), pixels(63))


@hostile("damaged", why="says 8,000 × 8,000 and holds one tile", mirrors="S6")
def tiff_missing_strips() -> bytes:
    return tiff(plain(8_000, 8_000), pixels(64))


@hostile("damaged", why="the strip lies 4 GiB behind the end", mirrors="out-of-bounds offsets")
def tiff_strip_outside() -> bytes:
    return tiff(plain(t273=0xFFFFFFF0), pixels(65))


@hostile("damaged", why="65,535 samples a pixel", mirrors="libtiff SamplesPerPixel overflows")
def tiff_many_samples() -> bytes:
    return tiff(plain(t277=65_535), pixels(66))


@hostile(OK, why="a value of 2³² numbers", mirrors="tag count lies")
def tiff_count_lies() -> bytes:
    tags = [tag for tag in plain() if tag[0] != 258]
    return tiff([*tags, (258, SHORT, 0xFFFFFFFF, 8)], pixels(67))


@hostile(OK, why="65,535 directory entries that are not there", mirrors="entry count lies")
def tiff_directory_lies() -> bytes:
    data = bytearray(tiff(plain(), pixels(68)))
    struct.pack_into("<H", data, 8, 0xFFFF)
    return bytes(data)


@hostile("damaged", why="a 64 bit offset of 2⁶³", mirrors="BigTIFF sign overflow")
def tiff_big_offset() -> bytes:
    return b"II+\0" + struct.pack("<HHQ", 8, 0, 2**63) + bytes(64)


@hostile("damaged", why="LZW codes that refer to nothing", mirrors="LZW table overrun")
def tiff_broken_lzw() -> bytes:
    return tiff(plain(t259=5), b"\xff" * 4096)


@hostile("damaged", why="a deflate stream of 128 MiB in a strip of 4 kB", mirrors="S6: strip bomb")
def tiff_strip_bomb() -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(128)) + packer.flush()
    return tiff(plain(t259=8, t279=len(packed)), b"\0" + packed)


@hostile("wrong_mode", why="floating point with NaN and infinity", mirrors="values without an order")
def tiff_not_a_number() -> bytes:
    values = texture(71).astype(np.float32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    return encoded(values, "TIFF")


@hostile("too_many_frames", why="2,500 pages", mirrors="S6: many frames")
def tiff_many_pages() -> bytes:
    page = 512
    data = bytearray(b"II*\0" + struct.pack("<I", page))
    for number in range(2_500):
        at = page * (number + 1)
        tags = plain(16, 16, t273=32)
        rows = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
        data = data.ljust(at, b"\0") + rows + struct.pack("<I", at + page)
    return bytes(data)


@hostile("damaged", why="a JPEG in a TIFF that is no JPEG", mirrors="Old-style JPEG, libtiff")
def tiff_false_jpeg() -> bytes:
    return tiff(plain(t259=7), b"\xff\xd8" + b"\xff" * 4094)
