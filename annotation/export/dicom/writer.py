"""The members of an archive: a folder for each image with its objects, then the images as they were approved."""

from __future__ import annotations

from collections.abc import Iterator

from annotation.export.dicom.concepts import Concepts
from annotation.export.dicom.identity import Identity
from annotation.export.dicom.image import make_image
from annotation.export.dicom.layout import file_name
from annotation.export.dicom.report import make_report
from annotation.export.dicom.segmentation import make_segmentation
from annotation.export.dicom.stamping import IMAGE, REPORT, SEGMENTATION, write_object
from annotation.export.formats import Member, Source
from annotation.export.images import grouped_pngs
from annotation.export.rows import MemberRow


def write_members(source: Source) -> Iterator[Member]:
    """Every member of the release, one image at a time.

    Raises:
        UnfitImageError: The image class cannot hold an image.
    """
    identity = Identity(source.release, str(source.options["image_class"]))
    concepts = Concepts(identity)
    for number, member in enumerate(source.release.members, start=1):
        yield from _objects(identity, concepts, member, number, source.image(member.digest))
    yield from grouped_pngs(source, lambda member: "images/")


def _objects(
    identity: Identity, concepts: Concepts, member: MemberRow, number: int, png: bytes
) -> Iterator[Member]:
    image = make_image(identity, member, number, png)
    yield Member(file_name(member.digest, IMAGE.name), write_object(image))
    yield Member(
        file_name(member.digest, REPORT.name),
        write_object(make_report(identity, concepts, member, number, image)),
    )
    segmentation = make_segmentation(identity, concepts, member, number, image)
    if segmentation is not None:
        yield Member(file_name(member.digest, SEGMENTATION.name), write_object(segmentation))
