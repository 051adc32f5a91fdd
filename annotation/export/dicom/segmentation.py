"""The regions of an image as a binary segmentation: a segment for each box and polygon that covers pixels.

A pixel belongs to a region whose outline holds its centre. Points, and slivers that hold no centre, have no segment;
the report has them all, and its tracking UIDs are those of the segments.
"""

from __future__ import annotations

import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from annotation.export.dicom.concepts import Concepts
from annotation.export.dicom.identity import MANUFACTURER, SOFTWARE, Identity, person_name
from annotation.export.dicom.rasters import covered_regions
from annotation.export.dicom.report import tracking_name
from annotation.export.dicom.stamping import SEGMENTATION, stamp
from annotation.export.rows import MemberRow


def make_segmentation(
    identity: Identity, concepts: Concepts, member: MemberRow, number: int, image: Dataset
) -> Dataset | None:
    """The segmentation of a member; None where no region covers a pixel.

    Args:
        identity: Of the release.
        concepts: Of the release.
        member: The image and its regions.
        number: Its place in the release, from 1.
        image: Its image object.
    """
    covered = covered_regions([region.shape for region in member.regions], member.width, member.height)
    if not covered:
        return None
    # (frames, rows, columns, segments)
    masks: NDArray[np.bool_] = np.stack([mask for _, mask in covered], axis=-1)[None]
    segmentation: Dataset = Segmentation(
        source_images=[image],
        pixel_array=masks,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _describe(identity, concepts, member, place, segment)
            for segment, (place, _) in enumerate(covered, start=1)
        ],
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
    _name_dimensions(segmentation, identity.uids.named("dimensions", member.digest))
    return segmentation


def _describe(
    identity: Identity, concepts: Concepts, member: MemberRow, place: int, segment: int
) -> SegmentDescription:
    concept = concepts.of_class(member.regions[place].label)
    return SegmentDescription(
        segment_number=segment,
        segment_label=concept.meaning,
        segmented_property_category=concepts.category_of(member.regions[place].label),
        segmented_property_type=concept,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
        tracking_uid=identity.uids.region(member.digest, place),
        tracking_id=tracking_name(place),
    )


def _name_dimensions(segmentation: Dataset, uid: str) -> None:
    """The library draws a random UID for the organisation of the frames; this one is derived like all others."""
    segmentation.DimensionOrganizationSequence[0].DimensionOrganizationUID = uid
    for row in segmentation.DimensionIndexSequence:
        row.DimensionOrganizationUID = uid
