"""The regions of an image as a binary segmentation: a segment for each box and polygon that covers pixels.

A pixel belongs to a region whose outline holds its centre. Points, and slivers that hold no centre, have no segment;
the report has them all, and its tracking UIDs are those of the segments.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from annotation.export.dicom.concepts import Concepts
from annotation.export.dicom.identity import MANUFACTURER, SOFTWARE, Identity, person_name
from annotation.export.dicom.report import tracking_name
from annotation.export.dicom.stamping import SEGMENTATION, stamp
from annotation.export.rows import MemberRow


def make_segmentation(
    identity: Identity,
    concepts: Concepts,
    member: MemberRow,
    number: int,
    image: Dataset,
    descriptions: Sequence[SegmentDescription],
    masks: NDArray[np.bool_],
) -> Dataset:
    """The segmentation of a member.

    Args:
        identity: Of the release.
        concepts: Of the release.
        member: The image, and who read it.
        number: Its place in the release, from 1.
        image: Its image object.
        descriptions: Its segments, of `describe_segment`: the regions that cover a pixel, in their order.
        masks: Their pixels, (segments, height, width).
    """
    segmentation: Dataset = Segmentation(
        source_images=[image],
        pixel_array=np.moveaxis(masks, 0, -1)[None],  # (frames, rows, columns, segments)
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=identity.uids.series(SEGMENTATION.name),
        series_number=SEGMENTATION.series_number,
        sop_instance_uid=identity.uids.instance(SEGMENTATION.name, member.digest),
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=SOFTWARE,
        software_versions=SOFTWARE,
        device_serial_number=identity.release.snapshot_id,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="REGIONS",
        content_creator_name=person_name(member.reader),
    )
    stamp(segmentation, identity, SEGMENTATION, member, number)
    segmentation.CodingSchemeIdentificationSequence = concepts.schemes()
    # The General Image module asks for it; the source image has none to inherit.
    segmentation.PatientOrientation = ""
    segmentation.PixelData = pack_masks(
        masks
    )  # the library ends an odd number of bytes with a "0", not with a null byte
    _name_dimensions(segmentation, identity.uids.dimensions(member.digest))
    return segmentation


def pack_masks(masks: NDArray[np.bool_]) -> bytes:
    """Masks (segments, height, width) as Pixel Data: eight pixels a byte, the first one in the lowest bit (PS3.5 8.1.1)."""
    data = np.packbits(masks, bitorder="little").tobytes()
    return data + b"\0" * (len(data) % 2)


def overlap(masks: NDArray[np.bool_]) -> str:
    """Whether a pixel belongs to several segments, masks (segments, height, width), as Segments Overlap says it."""
    return "YES" if np.count_nonzero(masks, axis=0).max() > 1 else "NO"


def describe_segment(
    identity: Identity, concepts: Concepts, image: str, label: str, place: int, segment: int
) -> SegmentDescription:
    """A segment: the region that stands at this place in the labels of an image."""
    concept = concepts.of_class(label)
    return SegmentDescription(
        segment_number=segment,
        segment_label=concept.meaning,
        segmented_property_category=concepts.category_of(label),
        segmented_property_type=concept,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
        tracking_uid=identity.uids.region(image, place),
        tracking_id=tracking_name(place),
    )


def _name_dimensions(segmentation: Dataset, uid: str) -> None:
    """The library draws a random UID for the organisation of the frames; this one is derived like all others."""
    segmentation.DimensionOrganizationSequence[0].DimensionOrganizationUID = uid
    for row in segmentation.DimensionIndexSequence:
        row.DimensionOrganizationUID = uid
