"""PNG and JPEG files made to harm."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

from tests.generation.ingest.builders import encoded, png_bomb, texture
from tests.generation.ingest.hostile.corpus import OK, hostile

MIB = 2**20
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, bits: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


@cache
def zeros(count: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(MIB)
    return b"".join(packer.compress(block) for _ in range(count // MIB)) + packer.flush()


def with_chunk(seed: int, extra: bytes) -> bytes:
    """An honest picture with something between its header and its pixels."""
    honest = encoded(texture(seed))
    return honest[:33] + extra + honest[33:]


@hostile("too_many_pixels", why="164 kB that say, truthfully, 169 million pixels", mirrors="S6, finding 8")
def png_13k() -> bytes:
    return png_bomb()


@hostile("too_many_pixels", why="the same, interlaced", mirrors="S6")
def png_13k_interlaced() -> bytes:
    return SIGNATURE + header(13_000, 13_000, interlace=1) + chunk(b"IDAT", zeros(MIB)) + chunk(b"IEND", b"")


@hostile("too_many_pixels", why="a header of 2³¹ by 1", mirrors="dimension overflow, CVE-2026-5442")
def png_sign_overflow() -> bytes:
    return SIGNATURE + header(2**31, 1) + chunk(b"IDAT", zeros(MIB)) + chunk(b"IEND", b"")


@hostile("too_many_pixels", why="width times height overflows 32 bits", mirrors="VU#536588")
def png_product_overflow() -> bytes:
    return SIGNATURE + header(65_537, 65_537) + chunk(b"IDAT", zeros(MIB)) + chunk(b"IEND", b"")


@hostile("damaged", why="no pixels at all", mirrors="division by zero")
def png_zero_size() -> bytes:
    return SIGNATURE + header(0, 0) + chunk(b"IDAT", zeros(0)) + chunk(b"IEND", b"")


@hostile("damaged", why="a text that unpacks to 64 MiB", mirrors="text chunk bomb, CVE-2014-9601")
def png_packed_text_bomb() -> bytes:
    return with_chunk(30, chunk(b"zTXt", b"Comment\0\0" + zeros(64 * MIB)))


@hostile("damaged", why="international text that unpacks to 64 MiB", mirrors="CVE-2014-9601")
def png_international_text_bomb() -> bytes:
    return with_chunk(31, chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(64 * MIB)))


@hostile("damaged", why="a hundred texts of just under the limit for one", mirrors="CVE-2014-9601")
def png_many_texts() -> bytes:
    return with_chunk(32, chunk(b"zTXt", b"Comment\0\0" + zeros(MIB)) * 100)


@hostile(OK, why="an 8 MiB text that is not packed", mirrors="metadata that outweighs the picture")
def png_long_text() -> bytes:
    return with_chunk(33, chunk(b"tEXt", b"Comment\0" + b"x" * (8 * MIB)))


@hostile("damaged", why="a colour profile that unpacks to 64 MiB", mirrors="iCCP bomb, CVE-2014-9601")
def png_profile_bomb() -> bytes:
    return with_chunk(34, chunk(b"iCCP", b"profile\0\0" + zeros(64 * MIB)))


@hostile("animated", why="an animation: which picture is meant?", mirrors="APNG frames that nobody looks at")
def png_animated() -> bytes:
    frames = [Image.fromarray(texture(40 + number)) for number in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


@hostile(
    OK, why="pixel data that goes on for 128 MiB behind the last row", mirrors="unbounded inflate, finding 7"
)
def png_endless_pixels() -> bytes:
    rows = b"".join(b"\0" + texture(44)[row].tobytes() for row in range(64))
    packer = zlib.compressobj(1)
    body = packer.compress(rows) + b"".join(packer.compress(bytes(MIB)) for _ in range(128)) + packer.flush()
    return SIGNATURE + header(64, 64) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@hostile("damaged", why="a chunk that claims 4 GiB", mirrors="length lies")
def png_chunk_length() -> bytes:
    return with_chunk(45, b"\xff\xff\xff\xfftEXt" + b"x" * 64)


@hostile(
    "blank", why="announces 4,000 × 4,000 and holds one row", mirrors="uninitialised rows shown as pixels"
)
def png_missing_rows() -> bytes:
    return (
        SIGNATURE + header(4_000, 4_000) + chunk(b"IDAT", zlib.compress(bytes(4_001))) + chunk(b"IEND", b"")
    )


@hostile(
    "blank", why="colours by a palette that is not there", mirrors="index out of bounds, ICSMA-26-253-02"
)
def png_without_palette() -> bytes:
    rows = zlib.compress(b"".join(b"\0" + texture(46)[row].tobytes() for row in range(64)))
    return SIGNATURE + header(64, 64, colour=3) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@hostile(OK, why="an EXIF block whose folders point at each other", mirrors="EXIF loops")
def png_exif_loop() -> bytes:
    loop = (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", 1)
        + struct.pack("<HHII", 0x8769, 4, 1, 8)
        + struct.pack("<I", 8)
    )
    return with_chunk(47, chunk(b"eXIf", loop))


def jpeg(seed: int = 50) -> bytes:
    return encoded(texture(seed, (64, 64, 3)), "JPEG", quality=90)


def resized(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG with another size in its frame header."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@hostile("too_many_pixels", why="says 65,500 × 65,500", mirrors="VU#536588")
def jpeg_huge() -> bytes:
    return resized(jpeg(), 65_500, 65_500)


@hostile("blank", why="says 4,000 × 4,000 and ends after one block", mirrors="VU#536588: heap left as it was")
def jpeg_larger_than_its_data() -> bytes:
    return resized(jpeg(51), 4_000, 4_000)


@hostile("damaged", why="a height of zero, to be told later", mirrors="DNL marker, never decoded by most")
def jpeg_zero_height() -> bytes:
    return resized(jpeg(52), 64, 0)


@hostile(OK, why="a hundred scans over a large picture", mirrors="progressive JPEG bomb (libjpeg-turbo docs)")
def jpeg_endless_scans() -> bytes:
    grey = np.tile(texture(53), (8, 8))
    data = encoded(grey, "JPEG", progressive=True, quality=50)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * 100 + b"\xff\xd9"


@hostile("damaged", why="a table segment that runs past the end", mirrors="length lies")
def jpeg_segment_length() -> bytes:
    data = jpeg(54)
    at = data.index(b"\xff\xc4")
    return data[: at + 2] + b"\xff\xff" + data[at + 4 :]


@hostile("wrong_mode", why="ink colours: inverted by some readers", mirrors="CMYK confusion")
def jpeg_cmyk() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(texture(55, (64, 64, 3))).convert("CMYK").save(buffer, "JPEG")
    return buffer.getvalue()


@hostile(OK, why="an EXIF block that is no EXIF and a profile in 300 pieces", mirrors="metadata parsers")
def jpeg_metadata_chaos() -> bytes:
    data = jpeg(56)
    exif = b"Exif\0\0MM\0*" + b"\xff" * 60
    pieces = b"".join(
        b"\xff\xe2" + struct.pack(">H", 18) + b"ICC_PROFILE\0" + bytes((number % 256, 1)) + b"xx"
        for number in range(300)
    )
    return data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + pieces + data[2:]


@hostile("unsupported_type", why="JPEG 2000, whose decoder is large and old", mirrors="Pillow 12.3.0 notes")
def jpeg2000() -> bytes:
    return encoded(texture(57), "JPEG2000")


@hostile("unsupported_type", why="a bare JPEG 2000 stream that says 2³¹ × 2³¹", mirrors="S6")
def jpeg2000_stream() -> bytes:
    size = (
        struct.pack(">HHHIIIIIIIIH", 0xFF51, 41, 0, 2**31, 2**31, 0, 0, 2**31, 2**31, 0, 0, 1) + b"\x07\1\1"
    )
    return b"\xff\x4f" + size + bytes(64)
