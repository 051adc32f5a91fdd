"""Where the objects lie, and the format as the package knows it; imports no library of DICOM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from annotation.export.formats import Format, Member, Option, Source
from annotation.export.images import describe_pngs
from annotation.export.ledger import LossKind
from annotation.export.opened import Opened

FOLDER = "dicom/"


def file_name(image: str, kind: str) -> str:
    """Where an object lies: in the folder of its image, whose digest names it."""
    return f"{FOLDER}{image}/{kind}.dcm"


def _write(source: Source) -> Iterator[Member]:
    from annotation.export.dicom.writer import write_members

    return write_members(source)


def _check(opened: Opened, labels: Mapping[str, Any]) -> None:
    from annotation.export.dicom.check import check_objects

    check_objects(opened, labels)


DICOM = Format(
    key="dicom",
    title="DICOM images, reports and segmentations",
    summary="PACS, DICOM viewers, highdicom, dcmtk, 3D Slicer and whatever reads structured reports",
    write=_write,
    check=_check,
    owns=(FOLDER, "images/"),
    losses=(
        LossKind(
            "long_titles",
            "Titles of classes, sites and codes are cut after 64 bytes, the most that every reader of a code takes.",
            lambda tally: tally.long_titles,
        ),
    ),
    options=(
        Option(
            name="image_class",
            title="Image class: visible light through a microscope, a photograph, or any other picture",
            default="microscopic",
            choices=("microscopic", "photographic", "secondary_capture"),
        ),
    ),
    needs="highdicom",
    layout=(
        "`dicom/DIGEST/image.dcm`: the image as a DICOM object; DIGEST is the SHA-256 of its PNG file.",
        "`dicom/DIGEST/report.dcm`: what was said about it, a Comprehensive SR after TID 1500.",
        "`dicom/DIGEST/segmentation.dcm`: its boxes and polygons as binary segments, where there are any.",
        "`images/`: the images as PNG files, the bytes that were approved.",
    ),
    croissant=lambda release: describe_pngs("images/*.png"),
)
