"""The templates of a release: each kind of object, made once by the library for an image that is none.

A template is made for every set of facts that more than a value depends on: who made and who read the image, of which class
a region is, how large the image is. There are few of them, and they are kept as long as the release is written.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache, cached_property

import numpy as np
from pydicom import Dataset

from annotation.export.dicom.concepts import Concepts
from annotation.export.dicom.identity import Identity
from annotation.export.dicom.image import describe_origin, make_image
from annotation.export.dicom.report import (
    Group,
    finding_group,
    make_report,
    measured,
    region_group,
    tracking_name,
)
from annotation.export.dicom.segmentation import describe_segment, make_segmentation
from annotation.export.dicom.stamping import IMAGE, REPORT, SEGMENTATION, Kind, write_object
from annotation.export.dicom.template import Holes, ItemsTemplate, ObjectTemplate, items_of
from annotation.export.rows import MemberRow, RegionRow
from annotation.geometry import Box, Point, Polygon, Shape

# What stands in a template where an image has its own: no digest is such a word, and no number is as large.
_DIGEST, _NUMBER, _PLACE = "no image", 2_000_000_011, 1_999_999_999
# Tags as they are encoded, of elements that differ whatever their value.
_FRAMES, _OUTLINE, _PIXELS = b"\x28\x00\x08\x00", b"\x70\x00\x22\x00", b"\xe0\x7f\x10\x00"
_SEGMENT_NUMBER, _SEGMENT, _OVERLAP = b"\x62\x00\x04\x00", b"\x62\x00\x0b\x00", b"\x62\x00\x13\x00"
_INDEX = b"\x20\x00\x57\x91"
_SHAPES: Mapping[str, Shape] = {
    "box": Box(0.0, 0.0, 1.0, 1.0),
    "polygon": Polygon(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))),
    "point": Point(0.0, 0.0),
}


class Templates:
    """Makes templates when they are first asked for, and keeps them.

    Every template has the holes `image` (UID of the image object), that of its own kind, and `number` (the image's place in
    the release), as far as they stand in it, and those that the methods name.

    Args:
        identity: Of the release.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity, self._uids, self._concepts = identity, identity.uids, Concepts(identity)
        # Each release keeps its own: a cache on the methods themselves would outlive it.
        self.image, self.report = cache(self._image), cache(self._report)
        self.finding, self.region = cache(self._finding), cache(self._region)
        self.segmentation = cache(self._segmentation)
        self.segment, self.frame = cache(self._segment), cache(self._frame)

    def common(self, kind: Kind, image: str, number: int) -> dict[str, bytes]:
        """The values of the holes that most templates have."""
        return {
            IMAGE.name: uid_value(self._uids.instance(IMAGE.name, image)),
            kind.name: uid_value(self._uids.instance(kind.name, image)),
            "number": text_value(str(number)),
        }

    def _image(self, generator: str, shape: tuple[int, ...], samples: str) -> ObjectTemplate:
        """Holes: origin, pixels.

        Raises:
            UnfitImageError: The image class holds no such samples.
        """
        stand_in = _stand_in(generator)
        image = make_image(self._identity, stand_in, _NUMBER, np.zeros(shape, samples))
        origin = text_value(describe_origin(stand_in))
        return ObjectTemplate(
            write_object(image),
            self._holes(IMAGE, "image", "number", tags={_PIXELS: "pixels"}, origin=origin),
        )

    def _report(self, generator: str, reader: str, reviewers: tuple[str, ...]) -> ObjectTemplate:
        """Items put in: groups."""
        stand_in = _stand_in(generator, reader, reviewers)
        group = finding_group(self._identity, self._concepts, stand_in, self._any_class, self._source)
        report = self._report_of(stand_in, group)
        # As plain items: those of the library must be content items.
        measured(report).add_new("ContentSequence", "SQ", [items_of("groups")])
        return ObjectTemplate(write_object(report), self._holes(REPORT, "image", "report", "number"))

    def _finding(self, key: str, site: str, confidence: int | None) -> ItemsTemplate:
        """Holes: tracking."""
        stand_in = _stand_in(site=site, confidence=confidence)
        group = finding_group(self._identity, self._concepts, stand_in, key, self._source)
        items = measured(self._report_of(stand_in, group)).ContentSequence
        tracking = uid_value(self._uids.finding(_DIGEST, key))
        return ItemsTemplate(items, self._holes(REPORT, "image", tracking=tracking))

    def _region(self, label: str, kind: str, site: str) -> ItemsTemplate:
        """Holes: tracking, name, outline."""
        stand_in, region = _stand_in(site=site), RegionRow(label, kind, _SHAPES[kind])
        group = region_group(self._identity, self._concepts, stand_in, _PLACE, region, self._source)
        items = measured(self._report_of(stand_in, group)).ContentSequence
        holes = self._holes(REPORT, "image", tags={_OUTLINE: "outline"}, **self._region_values())
        return ItemsTemplate(items, holes)

    def _segmentation(
        self, generator: str, reader: str, height: int, width: int, is_one: bool
    ) -> ObjectTemplate:
        """Holes: dimensions, frame count, overlap, pixels; items put in: segments, frames. `is_one`: of one segment."""
        segmentation = self._segmentation_of(_stand_in(generator, reader), height, width, is_one)
        segmentation.SegmentSequence = [items_of("segments")]
        segmentation.PerFrameFunctionalGroupsSequence = [items_of("frames")]
        holes = self._holes(
            SEGMENTATION, "image", "segmentation", "number",
            tags={_PIXELS: "pixels", _FRAMES: "frame count", _OVERLAP: "overlap"},
            dimensions=uid_value(self._uids.dimensions(_DIGEST)),
        )  # fmt: skip
        return ObjectTemplate(write_object(segmentation), holes)

    def _segment(self, label: str) -> ItemsTemplate:
        """Holes: segment, tracking, name."""
        segment = describe_segment(self._identity, self._concepts, _DIGEST, label, _PLACE, 1)
        holes = self._holes(SEGMENTATION, tags={_SEGMENT_NUMBER: "segment"}, **self._region_values())
        return ItemsTemplate([segment], holes)

    def _frame(self, is_one: bool) -> ItemsTemplate:
        """Holes: index, segment."""
        frames = self._segmentation_of(_stand_in(), 1, 1, is_one).PerFrameFunctionalGroupsSequence
        # The number of a segment that is the only one stands in what all frames share.
        tags = {_INDEX: "index"} if is_one else {_INDEX: "index", _SEGMENT: "segment"}
        return ItemsTemplate(frames[:1], self._holes(SEGMENTATION, "image", tags=tags))

    def _holes(
        self, kind: Kind, *names: str, tags: Mapping[bytes, str] | None = None, **more: bytes
    ) -> Holes:
        common = self.common(kind, _DIGEST, _NUMBER)
        values = {common[name]: name for name in names} | {value: name for name, value in more.items()}
        return Holes(values, tags or {})

    def _region_values(self) -> dict[str, bytes]:
        return {
            "tracking": uid_value(self._uids.region(_DIGEST, _PLACE)),
            "name": text_value(tracking_name(_PLACE)),
        }

    @property
    def _any_class(self) -> str:
        return self._identity.release.schema.classes[0].key

    @cached_property
    def _source(self) -> Dataset:
        """The image that the content of reports refers to."""
        return self._image_of(_stand_in(), 1, 1)

    def _image_of(self, stand_in: MemberRow, height: int, width: int) -> Dataset:
        return make_image(self._identity, stand_in, _NUMBER, np.zeros((height, width), np.uint8))

    def _report_of(self, stand_in: MemberRow, group: Group) -> Dataset:
        return make_report(self._identity, self._concepts, stand_in, _NUMBER, self._source, [group])

    def _segmentation_of(self, stand_in: MemberRow, height: int, width: int, is_one: bool) -> Dataset:
        described = [
            describe_segment(self._identity, self._concepts, _DIGEST, self._any_class, _PLACE, segment)
            for segment in ((1,) if is_one else (1, 2))
        ]
        masks = np.ones((len(described), height, width), np.bool_)
        image = self._image_of(stand_in, height, width)
        return make_segmentation(self._identity, self._concepts, stand_in, _NUMBER, image, described, masks)


def text_value(text: str) -> bytes:
    """Text as the value of an element: of even length."""
    value = text.encode()
    return value + b" " * (len(value) % 2)


def uid_value(uid: str) -> bytes:
    """A UID as the value of an element: of even length."""
    value = uid.encode("ascii")
    return value + b"\0" * (len(value) % 2)


def short_value(number: int) -> bytes:
    """A number as the value of an element of type US."""
    return struct.pack("<H", number)


def long_value(number: int) -> bytes:
    """A number as the value of an element of type UL."""
    return struct.pack("<I", number)


def _stand_in(
    generator: str = "",
    reader: str = "",
    reviewers: tuple[str, ...] = (),
    *,
    site: str = "",
    confidence: int | None = None,
) -> MemberRow:
    """An image that is none, with the facts on which a template depends."""
    return MemberRow(
        digest=_DIGEST, width=1, height=1, classes=(), regions=(), site=site, confidence=confidence, reader=reader,
        reviewers=reviewers, recipe={"generator": generator},
    )  # fmt: skip
