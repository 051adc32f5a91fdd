"""Releases that try every corner of the DICOM writers, and their archives unpacked. Images are made by code."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset

from annotation.export.canonical import digest_bytes
from annotation.export.document import write_document
from annotation.export.package import write_package
from annotation.export.rows import ClassRow, MemberRow, RegionRow, Release, SchemaRow
from annotation.geometry import Box, Point, Polygon
from tests.annotation.releases import EVALUATED, signed_release

LONG_TITLE = (
    "Ein sehr langer Name für einen Befund, wie ihn nur Menschen wählen, die Platz haben: " + "ä" * 30
)
SCHEMA = SchemaRow(
    name="Drüsen \\ 腺 «v2»",
    version=2,
    mode="many",
    classes=(
        ClassRow(
            "gland",
            "Gland",
            "finding",
            "#4f9dde",
            "http://snomed.info/sct",
            "49755003",
            "Morphologically abnormal",
        ),
        ClassRow(
            "oedema", "Ödem — 浮腫 отёк \\ =", "finding", "", "Terms of a hospital, ward 7", "K-0815", ""
        ),
        ClassRow("a-class-whose-key-is-longer-than-sixteen", LONG_TITLE, "finding"),
        ClassRow("normal", "Normal", "normal", "", "SCT", "17621005", "Normal"),
    ),
    sites=(("colon", "Kolon / 結腸"), ("sigmoid-colon-distal-third", "Sigma, distales Drittel")),
)


def picture(size: int, channels: int, seed: int, bits: int = 8) -> bytes:
    """A PNG of noise; 16 bits for grey only."""
    rng = np.random.default_rng([size, channels, seed, bits])
    shape = (size, size, 3) if channels == 3 else (size, size)
    samples = rng.integers(0, 2**bits, shape, dtype=np.uint16 if bits == 16 else np.uint8)
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "PNG")
    return file.getvalue()


def many_regions(size: int, count: int) -> tuple[RegionRow, ...]:
    """Boxes, triangles and points all over the image, with thousandths of a pixel."""
    rng = np.random.default_rng(count)
    made = []
    for number in range(count):
        x, y = (round(float(value), 3) for value in rng.uniform(0, size - 6, 2))
        width, height = (round(float(value), 3) for value in rng.uniform(1.5, 5.5, 2))
        right, bottom = round(x + width, 3), round(y + height, 3)
        shapes = (
            ("box", Box(x, y, width, height)),
            ("polygon", Polygon(((x, y), (right, y), (x, bottom)))),
            ("point", Point(x, y)),
        )
        made.append(RegionRow(("gland", "oedema")[number % 2], *shapes[number % 3]))
    return tuple(made)


def answers(size: int) -> list[tuple[tuple[str, ...], tuple[RegionRow, ...]]]:
    """Classes and regions of the members, from nothing to 300."""
    s = float(size)
    concave = Polygon(((1.0, 1.0), (9.0, 1.0), (9.0, 5.0), (5.0, 5.0), (5.0, 9.0), (1.0, 9.0)))
    return [
        (("normal",), ()),
        (("gland",), (RegionRow("gland", "box", Box(0.0, 0.0, s, s)),)),
        (("oedema",), (RegionRow("oedema", "polygon", concave),)),
        (("gland",), (RegionRow("gland", "point", Point(s, s)),)),
        # A sliver between pixel centres: in the report, in no segment; the box after it overlaps the polygon.
        (
            ("gland", "a-class-whose-key-is-longer-than-sixteen"),
            (
                RegionRow("gland", "box", Box(2.6, 2.6, 0.3, 0.3)),
                RegionRow("gland", "polygon", concave),
                RegionRow("a-class-whose-key-is-longer-than-sixteen", "box", Box(0.5, 0.125, 7.25, 8.001)),
            ),
        ),
        (("gland", "oedema"), many_regions(size, 300)),
    ]


def make_release(
    folder: Path,
    *,
    size: int = 64,
    channels: int = 3,
    bits: int = 8,
    given: Sequence[tuple[tuple[str, ...], tuple[RegionRow, ...]]] | None = None,
) -> Release:
    """A release whose images lie in `folder`, named by their digest."""
    members = []
    for number, (classes, regions) in enumerate(answers(size) if given is None else given):
        data = picture(size, channels, number, bits)
        (folder / digest_bytes(data)).write_bytes(data)
        members.append(
            MemberRow(
                digest=digest_bytes(data),
                width=size,
                height=size,
                classes=classes,
                regions=regions,
                site=("colon", "", "sigmoid-colon-distal-third")[number % 3],
                confidence=(4, None, 1)[number % 3],
                reader=f"p-{number:012x}",
                reviewers=tuple(f"p-{n:012x}" for n in range(90, 90 + number % 3)),
                recipe={"generator": "a" * 64, "index": number, "seed": 7, "class": None, "truncation": 0.7},
            )
        )
    members.sort(key=lambda member: member.digest)
    release = Release(
        snapshot_id="5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0001",
        name="Erster \\ Satz «é»",
        digest=digest_bytes(write_document(SCHEMA, members)),
        created_at="2025-01-02T23:04:05.000006-05:00",
        study="Eine Studie mit einem Namen, der für ein Element von vierundsechzig Zeichen zu lang ist",
        schema=SCHEMA,
        members=tuple(members),
        signature=None,
        evaluation={"approved_set": EVALUATED, "batches": []},
        provenance={"dataset": "d", "generators": ["a" * 64], "image_set_digest": "e" * 64},
    )
    return signed_release(release)


@dataclass(frozen=True)
class Packed:
    """A release, its archive, and the folder it was unpacked in."""

    release: Release
    archive: Path
    folder: Path

    def path(self, member: MemberRow, kind: str) -> Path:
        return self.folder / "dicom" / member.digest / f"{kind}.dcm"

    def read(self, member: MemberRow, kind: str) -> Dataset:
        return pydicom.dcmread(self.path(member, kind))

    def pixels(self, member: MemberRow) -> NDArray[np.generic]:
        """The approved PNG's samples, by a reader of their own."""
        with Image.open(self.folder / member.file_name) as image:
            return np.asarray(image)

    @property
    def objects(self) -> list[Path]:
        return sorted(self.folder.glob("dicom/*/*.dcm"))


def pack(folder: Path, make: Callable[[Path], Release], **options: str) -> Packed:
    """Write a release below `folder` and unpack it there."""
    images = folder / "images-of-the-store"
    images.mkdir(parents=True)
    release = make(images)
    archive = folder / "export.zip"
    write_package(release, format="dicom", image_path=images.joinpath, target=archive, options=options)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "unpacked")
    return Packed(release, archive, folder / "unpacked")


def bare_release() -> Release:
    """A release without images: its schema is what matters."""
    return Release(
        snapshot_id="5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0001",
        name="Bare",
        digest=digest_bytes(write_document(SCHEMA, [])),
        created_at="2025-01-02T03:04:05+00:00",
        study="A study",
        schema=SCHEMA,
        members=(),
        signature=None,
        evaluation=None,
        provenance={},
    )
