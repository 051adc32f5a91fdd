"""Objects that were copied from templates are, byte for byte, those that the library writes for the same image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset

from annotation.export.dicom.concepts import Concepts
from annotation.export.dicom.copying import Copies
from annotation.export.dicom.identity import Identity
from annotation.export.dicom.image import Pixels, make_image, read_pixels
from annotation.export.dicom.rasters import covered_regions
from annotation.export.dicom.report import Group, finding_group, make_report, region_group
from annotation.export.dicom.segmentation import describe_segment, make_segmentation
from annotation.export.dicom.stamping import write_object
from annotation.export.dicom.template import PREFIX, Holes, ObjectTemplate
from annotation.export.rows import MemberRow
from tests.annotation.export.dicom.cast import answers, make_release, many_regions


class Library:
    """Every object made whole by the library, which takes some twenty times as long."""

    def __init__(self, identity: Identity) -> None:
        self.identity, self.concepts = identity, Concepts(identity)

    def image(self, member: MemberRow, number: int, pixels: Pixels) -> Dataset:
        return make_image(self.identity, member, number, pixels)

    def report(self, member: MemberRow, number: int, image: Dataset) -> Dataset:
        of = self.identity, self.concepts, member
        groups: list[Group] = [
            *(finding_group(*of, key, image) for key in member.classes),
            *(region_group(*of, place, region, image) for place, region in enumerate(member.regions)),
        ]
        return make_report(*of, number, image, groups)

    def segmentation(self, member: MemberRow, number: int, image: Dataset) -> Dataset | None:
        covered = covered_regions([region.shape for region in member.regions], member.width, member.height)
        if not covered:
            return None
        described = [
            describe_segment(
                self.identity, self.concepts, member.digest, member.regions[place].label, place, segment
            )
            for segment, (place, _) in enumerate(covered, start=1)
        ]
        masks = np.stack([mask for _, mask in covered])
        return make_segmentation(self.identity, self.concepts, member, number, image, described, masks)


@pytest.mark.parametrize(
    ("image_class", "size", "channels", "bits"),
    [
        ("microscopic", 64, 3, 8),
        ("photographic", 33, 1, 8),
        ("secondary_capture", 32, 1, 16),
        ("secondary_capture", 9, 3, 8),
    ],
)
def test_a_copy_is_what_the_library_writes(tmp_path, image_class, size, channels, bits):
    given = [*answers(size)[:5], (("oedema",), many_regions(size, 40))]
    release = make_release(tmp_path, size=size, channels=channels, bits=bits, given=given)
    identity = Identity(release, image_class)
    library, copies = Library(identity), Copies(identity)
    # Each twice, under another number: the second fills templates that exist.
    for number, member in enumerate([*release.members, *release.members], start=1):
        pixels = read_pixels((tmp_path / member.digest).read_bytes())
        image = library.image(member, number, pixels)
        assert copies.image(member, number, pixels) == write_object(image)
        assert copies.report(member, number) == write_object(library.report(member, number, image))
        segmentation = library.segmentation(member, number, image)
        expected = None if segmentation is None else write_object(segmentation)
        assert copies.segmentation(member, number) == expected


def test_words_that_look_like_what_is_put_in_stay_as_they_are(tmp_path):
    """Names of people and classes are theirs to choose, those of the holes and of places included."""
    release = make_release(tmp_path, size=16, channels=1, given=answers(16)[:5])
    schema = replace(
        release.schema,
        name="the items of groups",
        classes=tuple(replace(row, title=f"region {n}") for n, row in enumerate(release.schema.classes)),
    )
    members = tuple(
        replace(member, reader="1", reviewers=("YES", "the items of groups")) for member in release.members
    )
    identity = Identity(replace(release, schema=schema, members=members, name="1", study="NO"), "microscopic")
    library, copies = Library(identity), Copies(identity)
    for number, member in enumerate(members, start=1):
        pixels = read_pixels((tmp_path / member.digest).read_bytes())
        image = library.image(member, number, pixels)
        assert copies.report(member, number) == write_object(library.report(member, number, image))
        assert copies.image(member, number, pixels) == write_object(image)


def test_a_library_that_writes_otherwise_is_noticed(tmp_path):
    release = make_release(tmp_path, size=8, channels=1, given=answers(8)[:1])
    identity = Identity(release, "microscopic")
    data = write_object(make_image(identity, release.members[0], 1, np.zeros((8, 8), np.uint8)))
    with pytest.raises(ValueError, match="no place for elsewhere"):
        ObjectTemplate(data, Holes({b"not there ": "elsewhere"}))
    with pytest.raises(ValueError, match="meta information"):
        ObjectTemplate(data[:PREFIX] + data[PREFIX + 12 :], Holes())
