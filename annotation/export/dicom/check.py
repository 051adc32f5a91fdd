"""Compare the DICOM objects of an archive with its labels: pixels, words, shapes, segments and every reference."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset

from annotation.export import manifest
from annotation.export.dicom.identity import Uids, key_of_code
from annotation.export.dicom.image import IMAGE_CLASSES, read_pixels
from annotation.export.dicom.layout import FOLDER, file_name
from annotation.export.dicom.rasters import covered_regions
from annotation.export.dicom.reading import (
    code_of,
    referenced,
    said_in_labels,
    said_in_report,
    shape_in_labels,
    tracked_regions,
)
from annotation.export.images import check_images
from annotation.export.opened import BadArchiveError, Opened

_SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.33"
_SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"


@dataclass(frozen=True, slots=True)
class _Checker:
    opened: Opened
    uids: Uids

    def load(self, image: str, kind: str, sop_class: str) -> Dataset:
        """An object of an image: synthetic, in its place, and named by the derived UIDs."""
        name = file_name(image, kind)
        try:
            found = pydicom.dcmread(io.BytesIO(self.opened.read(name)))
        except (pydicom.errors.InvalidDicomError, EOFError) as error:
            raise BadArchiveError(name, f"is no DICOM file: {error}") from error
        if found.get("SyntheticData") != "YES":
            raise BadArchiveError(name, "does not say that it is synthetic")
        expected = {
            "SOPClassUID": sop_class,
            "SOPInstanceUID": self.uids.instance(kind, image),
            "StudyInstanceUID": self.uids.study,
            "SeriesInstanceUID": self.uids.series(kind),
        }
        for keyword, uid in expected.items():
            if found.get(keyword) != uid:
                raise BadArchiveError(name, f"{keyword} is not that of this image in this release")
        return found


def check_objects(opened: Opened, labels: Mapping[str, Any]) -> None:
    """Every image has its objects, they say what the labels say, and there are no others.

    Raises:
        BadArchiveError: The first file that is not so.
    """
    check_images(opened, labels, lambda member: f"images/{member['image']}.png", "images/")
    listing = opened.json(manifest.NAME)
    image_class = listing["writer"]["options"]["image_class"]
    checker = _Checker(opened, Uids(listing["snapshot"]["id"], listing["snapshot"]["digest"], image_class))
    expected = set()
    for member in labels["members"]:
        expected.update(_check_member(checker, member))
    for name in opened.under(FOLDER):
        if name not in expected:
            raise BadArchiveError(name, "belongs to no image of the labels")


def _check_member(checker: _Checker, member: Mapping[str, Any]) -> list[str]:
    """The names of the files of one image, all of them as they should be."""
    image = checker.load(member["image"], "image", IMAGE_CLASSES[checker.uids.image_class].uid)
    _check_pixels(checker, member, image)
    report = checker.load(member["image"], "report", _SR_CLASS)
    _check_report(member, image, report)
    names = [file_name(member["image"], kind) for kind in ("image", "report")]
    shapes = [shape_in_labels(member, region) for region in member["regions"]]
    covered = covered_regions(shapes, member["width"], member["height"])
    if covered:
        segmentation = checker.load(member["image"], "segmentation", _SEG_CLASS)
        name = file_name(member["image"], "segmentation")
        _check_references(name, segmentation, image)
        _check_segments(name, member, covered, segmentation, tracked_regions(report))
        names.append(name)
    return names


def _check_pixels(checker: _Checker, member: Mapping[str, Any], image: Dataset) -> None:
    name = file_name(member["image"], "image")
    png = read_pixels(checker.opened.read(f"images/{member['image']}.png"))
    found = image.pixel_array
    if found.dtype != png.dtype or not np.array_equal(found, png):
        raise BadArchiveError(name, "has other pixels than the approved image")
    if member["image"] not in image.get("ImageComments", ""):
        raise BadArchiveError(name, "names another approved image")


def _check_report(member: Mapping[str, Any], image: Dataset, report: Dataset) -> None:
    name = file_name(member["image"], "report")
    _check_references(name, report, image)
    try:
        said = said_in_report(report)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise BadArchiveError(name, f"cannot be read as a report: {error}") from error
    if said != said_in_labels(member):
        raise BadArchiveError(name, "says something else than the labels")


def _check_references(name: str, target: Dataset, image: Dataset) -> None:
    if referenced(target) != {(str(image.SOPClassUID), str(image.SOPInstanceUID))}:
        raise BadArchiveError(name, "refers to something else than its image")


def _check_segments(
    name: str,
    member: Mapping[str, Any],
    covered: list[tuple[int, np.ndarray[Any, np.dtype[np.bool_]]]],
    segmentation: Dataset,
    tracked: tuple[str, ...],
) -> None:
    """Segments are the regions that cover pixels, in their order, under the tracking UIDs of the report."""
    described = [
        (key_of_code(code_of(row.SegmentedPropertyTypeCodeSequence[0])), str(row.TrackingUID))
        for row in segmentation.SegmentSequence
    ]
    expected = [(member["regions"][place]["class"], tracked[place]) for place, _ in covered]
    frames = segmentation.pixel_array.reshape(-1, member["height"], member["width"])
    if described != expected or not np.array_equal(frames, [mask for _, mask in covered]):
        raise BadArchiveError(name, "has other segments than the labels' regions")
