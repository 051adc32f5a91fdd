"""The members of an archive: a folder for each image with its objects, then the images as they were approved."""

from __future__ import annotations

from collections.abc import Iterator

from annotation.export.dicom.copying import Copies
from annotation.export.dicom.identity import Identity
from annotation.export.dicom.image import read_pixels
from annotation.export.dicom.layout import file_name
from annotation.export.dicom.stamping import IMAGE, REPORT, SEGMENTATION
from annotation.export.formats import Member, Source
from annotation.export.images import all_pngs


def write_members(source: Source) -> Iterator[Member]:
    """Every member of the release, one image at a time.

    Raises:
        UnfitImageError: The image class cannot hold an image.
    """
    copies = Copies(Identity(source.release, str(source.options["image_class"])))
    for number, member in enumerate(source.release.members, start=1):
        pixels = read_pixels(source.image(member.digest))
        yield Member(file_name(member.digest, IMAGE.name), copies.image(member, number, pixels))
        yield Member(file_name(member.digest, REPORT.name), copies.report(member, number))
        segmentation = copies.segmentation(member, number)
        if segmentation is not None:
            yield Member(file_name(member.digest, SEGMENTATION.name), segmentation)
    yield from all_pngs(source, "images/")
