"""DICOM files made to harm."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.generation.ingest.builders import (
    dicom,
    dicom_file,
    dicom_header,
    dicom_nested,
    encoded,
    png_bomb,
    texture,
)
from tests.generation.ingest.hostile.corpus import OK, hostile
from tests.generation.ingest.hostile.pictures import jpeg, jpeg2000_stream, resized

UNDEFINED = b"\xff\xff\xff\xff"


def plain(seed: int, **tags: Any) -> bytes:
    return dicom(texture(seed).astype(np.uint16), **tags)


def small(content: bytes, syntax: UID, **tags: Any) -> bytes:
    """A file of one 8 bit frame that is encoded as given."""
    given: dict[str, Any] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, **tags}
    return dicom(encapsulate([content]), syntax=syntax, **given)


def spliced(seed: int, element: bytes) -> bytes:
    """An honest file with a raw element put in behind its modality."""
    whole = plain(seed)
    at = whole.index(b"\x08\x00\x60\x00CS") + 10
    return whole[:at] + element + whole[at:]


@hostile(
    "dicom_too_deep",
    why="10,000 sequences inside each other, ends unknown",
    mirrors="CVE-2022-2119, CVE-2026-44031",
)
def dicom_deep_undefined() -> bytes:
    return dicom_nested(10_000, defined=False)


@hostile(
    "dicom_too_deep", why="300 sequences inside each other, lengths told", mirrors="CVE-2026-44031, finding 7"
)
def dicom_deep_defined() -> bytes:
    return dicom_nested(300, defined=True)


@hostile(
    "dicom_too_deep", why="the same in a private tag, which no dictionary knows", mirrors="CVE-2026-44031"
)
def dicom_deep_private() -> bytes:
    opened = (b"\x09\x00\x40\x11SQ\0\0" + UNDEFINED + b"\xfe\xff\x00\xe0" + UNDEFINED) * 300
    closed = (b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0") * 300
    whole = plain(100)
    at = whole.index(b"\x28\x00\x02\x00US")
    return whole[:at] + opened + closed + whole[at:]


@hostile(
    "dicom_pixels_missing",
    why="claims 8 GB of pixels and holds 100 bytes",
    mirrors="finding 7, CVE-2026-5443",
)
def dicom_claims_pixels() -> bytes:
    return dicom(bytes(100), Rows=8_000, Columns=8_000, NumberOfFrames=64)


@hostile("too_many_pixels", why="65,535 × 65,535", mirrors="VU#536588: product overflow")
def dicom_largest_sides() -> bytes:
    return dicom(bytes(100), Rows=65_535, Columns=65_535)


@hostile("too_many_frames", why="two thousand million frames", mirrors="VU#536588")
def dicom_many_frames() -> bytes:
    return plain(101, NumberOfFrames=2_000_000_000)


@hostile("damaged", why="minus one frame", mirrors="sign confusion")
def dicom_negative_frames() -> bytes:
    return plain(102, NumberOfFrames=-1)


@hostile("damaged", why="a picture without rows", mirrors="division by zero")
def dicom_no_rows() -> bytes:
    header = dicom_header()
    header.Rows = 0
    return dicom_file(header, bytes(100))


@hostile("dicom_deflated", why="522 kB that inflate to 1 GiB when opened", mirrors="finding 7")
def dicom_deflated_bomb() -> bytes:
    head = dicom_file(dicom_header(), None, DeflatedExplicitVRLittleEndian)
    start = head.index(b"1.2.840.10008.1.2.1.99") + 22
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(128)) + packer.flush()
    return head[:start] + body


@hostile("dicom_directory", why="a directory whose records name files outside", mirrors="CVE-2026-32711")
def dicom_directory() -> bytes:
    header = dicom_header(SOPClassUID="1.2.840.10008.1.3.10", FileSetID="X")
    header.ReferencedFileID = ["AA", "AA", "ETC", "PASSWD"]
    return dicom_file(header, None).replace(b"AA\\AA\\", b"..\\..\\")


@hostile("dicom_syntax", why="a film in place of pictures", mirrors="S7: allow-list of transfer syntaxes")
def dicom_video() -> bytes:
    return small(b"\0\0\1\xba", MPEG2MPML)


@hostile("dicom_syntax", why="a transfer syntax of nobody's", mirrors="S7")
def dicom_private_syntax() -> bytes:
    whole = plain(103)
    return whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.113619.5.2\0\0")


@hostile(
    "damaged",
    why="announces compressed frames; the first item is said to start at 2³¹",
    mirrors="bad offset tables",
)
def dicom_bad_offsets() -> bytes:
    table = b"\xfe\xff\x00\xe0" + struct.pack("<II", 4, 2**31)
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", 64) + bytes(64)
    return dicom(table + item + b"\xfe\xff\xdd\xe0\0\0\0\0", syntax=JPEGBaseline8Bit,
                 BitsAllocated=8, BitsStored=8, HighBit=7, NumberOfFrames=2)  # fmt: skip


@hostile("damaged", why="a fragment longer than the file", mirrors="length lies")
def dicom_fragment_length() -> bytes:
    items = b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0" + struct.pack("<I", 0x7FFFFFF0) + bytes(64)
    return dicom(items, syntax=JPEGBaseline8Bit, BitsAllocated=8, BitsStored=8, HighBit=7)


@hostile(
    "damaged", why="run lengths in four thousand million segments", mirrors="RLE header lies, CVE-2026-5442"
)
def dicom_rle_segments() -> bytes:
    return small(b"\xff" * 64 + bytes(64), RLELossless)


@hostile("blank", why="run lengths that unpack to more than the frame", mirrors="ICSMA-26-253-02: heap write")
def dicom_rle_overrun() -> bytes:
    return small(struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\xff" * 60_000, RLELossless)


@hostile("damaged", why="a JPEG of 65,500 × 65,500 where 64 × 64 were announced", mirrors="ICSMA-26-253-02")
def dicom_huge_jpeg() -> bytes:
    return small(resized(jpeg(), 65_500, 65_500), JPEGBaseline8Bit,
                 SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0)  # fmt: skip


@hostile("damaged", why="a JPEG 2000 stream of 2³¹ × 2³¹", mirrors="Pillow 12.3.0 notes: JPEG2000 memory")
def dicom_huge_jpeg2000() -> bytes:
    return small(jpeg2000_stream(), JPEG2000Lossless)


@hostile("damaged", why="a PNG bomb where a JPEG is announced", mirrors="decoders that sniff")
def dicom_png_inside() -> bytes:
    return small(png_bomb(), JPEGBaseline8Bit)


@hostile(
    "dicom_value_too_large", why="one text value of 300 MiB, stretched to the end", mirrors="S7: value cap"
)
def dicom_long_value() -> bytes:
    return spliced(104, b"\x08\x00\x70\x00UN\0\0" + struct.pack("<I", 300 * 2**20) + b"x" * 64)


@hostile("dicom_value_too_large", why="a value of 4 GiB less a few bytes", mirrors="length lies")
def dicom_value_length() -> bytes:
    return spliced(105, b"\x08\x00\x70\x00UT\0\0\xf0\xff\xff\xff" + b"x" * 64)


@hostile("damaged", why="sequences without any end", mirrors="undefined length chaos")
def dicom_endless_sequences() -> bytes:
    return spliced(106, (b"\x08\x00\x40\x11SQ\0\0" + UNDEFINED + b"\xfe\xff\x00\xe0" + UNDEFINED) * 20)


@hostile(OK, why="a file meta group said to hold 4 GiB", mirrors="length lies")
def dicom_meta_length() -> bytes:
    whole = plain(107)
    at = whole.index(b"\x02\x00\x00\x00UL") + 8
    return whole[:at] + UNDEFINED + whole[at + 4 :]


@hostile("dicom_no_syntax", why="a preamble and nothing else", mirrors="truncation")
def dicom_only_preamble() -> bytes:
    return bytes(128) + b"DICM"


@hostile("dicom_no_syntax", why="a page behind the preamble", mirrors="force=True accepts HTML, finding 7")
def dicom_html() -> bytes:
    return bytes(128) + b"DICM" + b"<!doctype html><script>alert(1)</script>" * 10


@hostile("dicom_no_image", why="a document with a PDF inside", mirrors="encapsulated documents")
def dicom_document() -> bytes:
    header = dicom_header(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel"):
        delattr(header, name)
    header.add_new(0x00420011, "OB", b"%PDF-1.7 /JavaScript")
    return dicom_file(header, None)


@hostile("damaged", why="a palette without colours", mirrors="index out of bounds")
def dicom_no_palette() -> bytes:
    return plain(108, PhotometricInterpretation="PALETTE COLOR")


@hostile("damaged", why="a palette that announces 65,536 colours and holds two bytes", mirrors="LUT lies")
def dicom_palette_lies() -> bytes:
    header = dicom_header(PhotometricInterpretation="PALETTE COLOR", BitsAllocated=8, BitsStored=8, HighBit=7)
    for colour in ("Red", "Green", "Blue"):
        setattr(header, f"{colour}PaletteColorLookupTableDescriptor", [0, 0, 16])
        setattr(header, f"{colour}PaletteColorLookupTableData", b"\0\0")
    return dicom_file(header, texture(109))


@hostile("damaged", why="a table of greys that is empty", mirrors="LUT lies")
def dicom_empty_table() -> bytes:
    table = Dataset()
    table.LUTDescriptor = [0, 0, 16]
    header = dicom_header(VOILUTSequence=Sequence([table]))
    return dicom_file(header, texture(110).astype(np.uint16))


@hostile("damaged", why="a rescale that is no number", mirrors="NaN that spreads")
def dicom_rescale_nan() -> bytes:
    return plain(111, RescaleSlope="1", RescaleIntercept="0").replace(
        b"S\x10DS\x02\x001 ", b"S\x10DS\x02\x00na"
    )


@hostile("damaged", why="a rescale that overflows to infinity", mirrors="infinities that spread")
def dicom_rescale_infinite() -> bytes:
    return plain(112, RescaleSlope="1e308", RescaleIntercept="1e308")


@hostile("dicom_pixels", why="one bit a pixel", mirrors="packing confusion")
def dicom_single_bits() -> bytes:
    return dicom(bytes(512), BitsAllocated=1, BitsStored=1, HighBit=0)


@hostile("dicom_pixels", why="floating point pixels", mirrors="type confusion")
def dicom_wide_pixels() -> bytes:
    return dicom(bytes(64 * 64 * 4), BitsAllocated=32, BitsStored=32, HighBit=31)


@hostile("damaged", why="stores more bits than it allocates", mirrors="shift overflow")
def dicom_bits_lie() -> bytes:
    return plain(113, BitsStored=60_000, HighBit=59_999)


@hostile(
    OK, why="a character set of nobody's and names that break it", mirrors="codec look-up of file content"
)
def dicom_character_set() -> bytes:
    whole = plain(114, SpecificCharacterSet="ISO_IR 100", PatientName="Name^Given")
    return whole.replace(b"ISO_IR 100", b"../../etc/").replace(b"Name^Given", b"\xff\xfe^\x1b$)C\xfe\xfe\xfe")


@hostile("dicom_no_image", why="an honest file labelled big endian", mirrors="byte order confusion")
def dicom_wrong_order() -> bytes:
    return plain(115).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")


@hostile("dicom_no_syntax", why="an honest PNG behind a DICOM preamble", mirrors="parser differential")
def dicom_around_png() -> bytes:
    return bytes(128) + b"DICM" + encoded(texture(116))
