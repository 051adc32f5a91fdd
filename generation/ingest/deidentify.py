"""What was left behind when only the pixels were kept: counts by kind, never values or names.

Nothing here removes anything: pixels are copied into fresh PNG files, so metadata has no way in. This is the record
of it. DICOM method codes are those of PS3.16 CID 7050, for PS3.15 Annex E.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image, TiffImagePlugin
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from generation.ingest.picture import Picture
from generation.ingest.rejection import RejectedError

BASIC_PROFILE = "113100"
CLEAN_GRAPHICS = "113103"
METHODS: Mapping[str, str] = {
    BASIC_PROFILE: "Basic Application Confidentiality Profile",
    CLEAN_GRAPHICS: "Clean Graphics Option",
}

_PNG_SIGNATURE = 8
_PNG_KINDS = {
    b"tEXt": "text", b"zTXt": "text", b"iTXt": "text", b"eXIf": "exif", b"iCCP": "colour_profile", b"tIME": "time",
}  # fmt: skip
_PNG_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD"}
_JPEG_KINDS = {0xE1: "exif_or_xmp", 0xE2: "colour_profile", 0xED: "iptc", 0xFE: "text"}
_JPEG_STRUCTURE = {0xE0, 0xEE}  # JFIF and Adobe headers say how to decode
_JPEG_SCAN = 0xDA
_TIFF_STRUCTURE = frozenset(
    {
        254,
        255,
        256,
        257,
        258,
        259,
        262,
        266,
        273,
        274,
        277,
        278,
        279,
        282,
        283,
        284,
        296,
        317,
        320,
        322,
        323,
        324,
    }
    | {325, 338, 339, 347, 529, 530, 531, 532}
)
_OVERLAY_GROUPS = range(0x6000, 0x6100)
_PIXEL_GROUP = 0x0028


def png_metadata(path: Path) -> Counter[str]:
    """Count the chunks of a PNG that are not pixels, and bytes after its end."""
    found: Counter[str] = Counter()
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(_PNG_SIGNATURE)
        while len(header := file.read(8)) == 8:
            length, kind = int.from_bytes(header[:4], "big"), header[4:]
            file.seek(length + 4, 1)
            if kind not in _PNG_PIXELS:
                found[_PNG_KINDS.get(kind, "other_chunks")] += 1
            if kind == b"IEND":
                break
        found["trailing_bytes"] += file.tell() < size
    return +found


def jpeg_metadata(path: Path) -> Counter[str]:
    """Count the marker segments of a JPEG before its first scan that are not pixels, and bytes after its end."""
    found: Counter[str] = Counter()
    with path.open("rb") as file:
        file.seek(2)
        while len(head := file.read(4)) == 4 and head[0] == 0xFF and head[1] != _JPEG_SCAN:
            marker, length = head[1], int.from_bytes(head[2:], "big")
            file.seek(max(length - 2, 0), 1)
            if marker in _JPEG_KINDS:
                found[_JPEG_KINDS[marker]] += 1
            elif 0xE0 <= marker <= 0xEF and marker not in _JPEG_STRUCTURE:
                found["other_segments"] += 1
        file.seek(max(path.stat().st_size - 2, 0))
        found["trailing_bytes"] += file.read(2) != b"\xff\xd9"
    return +found


def tiff_metadata(page: Image.Image) -> Counter[str]:
    """Count the tags of a TIFF page that do not say how to read its pixels."""
    tags: Iterable[int] = page.tag_v2 if isinstance(page, TiffImagePlugin.TiffImageFile) else ()
    return +Counter(tags=sum(tag not in _TIFF_STRUCTURE for tag in tags))


def dicom_metadata(header: Dataset, preamble: bytes, deepest: int, largest: int) -> Counter[str]:
    """Count the elements of a DICOM header by kind, without reading their values.

    Args:
        header: the data set, pixel data not included.
        preamble: the 128 bytes before ``DICM``.
        deepest: how many levels of sequences are allowed.
        largest: how many bytes one value may have.

    Raises:
        RejectedError: nested too deep, or a value too large.
    """
    found: Counter[str] = Counter(preamble=int(any(preamble)))
    level = [header]
    for depth in range(deepest + 2):
        if not level:
            return +found
        if depth > deepest:
            break
        level = [item for data in level for item in _count_elements(data, depth, found, largest)]
    raise RejectedError("dicom_too_deep", limit=deepest)


def _count_elements(data: Dataset, depth: int, found: Counter[str], largest: int) -> list[Dataset]:
    """Count one data set's elements and return the items of its sequences."""
    items: list[Dataset] = []
    for tag in data.keys():  # noqa: SIM118  iterating over a data set would parse every value
        element = data.get_item(tag)
        if (getattr(element, "length", 0) or 0) > largest and getattr(element, "length", 0) != 0xFFFFFFFF:
            raise RejectedError("dicom_value_too_large", limit=largest)
        found[_kind(tag, depth)] += 1
        if _is_sequence(tag, element):
            items += list(data[tag].value or ())
    return items


def _kind(tag: BaseTag, depth: int) -> str:
    if tag.is_private:
        return "private"
    if tag.group in _OVERLAY_GROUPS:
        return "overlay"
    if depth:
        return "nested"
    return "pixel_description" if tag.group == _PIXEL_GROUP else "standard"


def _is_sequence(tag: BaseTag, element: Any) -> bool:
    vr = element.VR
    if vr is None:  # implicit encoding: only the dictionary knows
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            return False
    return bool(vr == "SQ")


def dicom_methods(removed: Mapping[str, int]) -> tuple[str, ...]:
    """The codes of what was done: everything but pixels is dropped, overlay planes among it."""
    return (BASIC_PROFILE, CLEAN_GRAPHICS) if removed.get("overlay") else (BASIC_PROFILE,)


class Record:
    """Adds up what was left behind, for the ingest as a whole."""

    def __init__(self) -> None:
        self._removed: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._codes: set[str] = set()

    def add(self, picture: Picture) -> None:
        """Count a picture; of the frames of a DICOM file, which share one header, only the first."""
        self._sources[picture.kind] += 1
        self._codes.update(picture.methods)
        frame = picture.place.partition("#")[2]
        if picture.kind != "dicom" or frame in ("", "1"):
            self._removed.update(picture.removed)

    def summary(self) -> dict[str, Any]:
        """Pictures by source, removed pieces by kind, and the methods with their meaning."""
        return {
            "names": "never kept",
            "kept": "pixels only, encoded anew",
            "sources": dict(sorted(self._sources.items())),
            "removed": dict(sorted(self._removed.items())),
            "methods": [
                {"scheme": "DCM", "code": code, "meaning": METHODS[code]} for code in sorted(self._codes)
            ],
        }
