"""What was said about an image, as a Comprehensive SR after TID 1500 (PS3.16).

One finding for each class of the whole image, one planar region of interest for each box, polygon and point. Coordinates
stay as they are: the origin of an SCOORD is the upper left corner of the image, too (PS3.3 C.18.6).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom.sr import (
    CodedConcept,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TrackingIdentifier,
)
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ComprehensiveSRStorage

from annotation.export.dicom.concepts import Concepts
from annotation.export.dicom.identity import Identity, person_name
from annotation.export.dicom.stamping import REPORT, stamp
from annotation.export.rows import MemberRow, RegionRow
from annotation.geometry import Point, Shape

CONFIDENCE = "ask:confidence"
SHAPE = "ask:shape"

Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


def make_report(
    identity: Identity,
    concepts: Concepts,
    member: MemberRow,
    number: int,
    image: Dataset,
    groups: Sequence[Group],
) -> Dataset:
    """The report about a member.

    The library builds the content and holds it to the templates. The document around it is written here: the library's
    own class for it copies and searches the whole tree several times, for several times the effort of all the rest.

    Args:
        identity: Of the release.
        concepts: Of the release.
        member: The image, and who read and reviewed it.
        number: Its place in the release, from 1.
        image: Its image object.
        groups: What is said: of `finding_group` for each class of the whole image, of `region_group` for each region.
    """
    report = Dataset()
    report.SOPClassUID = ComprehensiveSRStorage
    report.Modality = "SR"
    stamp(report, identity, REPORT, member, number)
    report.CompletionFlag = "COMPLETE"
    report.PreliminaryFlag = "FINAL"
    report.VerificationFlag = "UNVERIFIED"
    report.PerformedProcedureCodeSequence = []
    report.ReferencedPerformedProcedureStepSequence = []
    report.CurrentRequestedProcedureEvidenceSequence = [_evidence(image)]
    report.update(_content(concepts, member, groups)[0])
    report.CodingSchemeIdentificationSequence = concepts.schemes()
    if member.reviewers:
        report.ParticipantSequence = [_reviewer(name) for name in member.reviewers]
    return report


def measured(report: Dataset) -> Dataset:
    """The part of a report whose content are its groups."""
    found: Dataset = next(
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == codes.DCM.ImagingMeasurements.value
    )
    return found


def _content(concepts: Concepts, member: MemberRow, groups: Sequence[Group]) -> MeasurementReport:
    return MeasurementReport(
        observation_context=_observers(member.reader),
        procedure_reported=concepts.own("procedure:reading", "Reading of a synthetic image"),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )


def _evidence(image: Dataset) -> Dataset:
    """The one object that a report is about, in its series and study."""
    referenced, series, study = Dataset(), Dataset(), Dataset()
    referenced.ReferencedSOPClassUID = image.SOPClassUID
    referenced.ReferencedSOPInstanceUID = image.SOPInstanceUID
    series.ReferencedSOPSequence = [referenced]
    series.SeriesInstanceUID = image.SeriesInstanceUID
    study.ReferencedSeriesSequence = [series]
    study.StudyInstanceUID = image.StudyInstanceUID
    return study


def _observers(reader: str) -> ObservationContext:
    person = PersonObserverIdentifyingAttributes(name=person_name(reader))
    return ObservationContext(
        observer_person_context=ObserverContext(
            observer_type=codes.DCM.Person, observer_identifying_attributes=person
        )
    )


def _reviewer(name: str) -> Dataset:
    """Who accepted the reading. When is not told by a snapshot, so the element, which must be there, is empty."""
    item = Dataset()
    item.ParticipationType = "ATTEST"
    item.ParticipationDateTime = ""
    item.ObserverType = "PSN"
    item.PersonName = person_name(name)
    item.PersonIdentificationCodeSequence = []
    item.InstitutionName = ""
    item.InstitutionCodeSequence = []
    return item


def finding_group(
    identity: Identity, concepts: Concepts, member: MemberRow, key: str, image: Dataset
) -> MeasurementsAndQualitativeEvaluations:
    """What is said about the whole image in one of its classes."""
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=identity.uids.finding(member.digest, key), identifier="image"
        ),
        finding_type=concepts.of_class(key),
        finding_sites=_sites(concepts, member),
        qualitative_evaluations=_confidence(concepts, member),
        source_images=[SourceImageForMeasurementGroup.from_source_image(image)],
    )


def region_group(
    identity: Identity, concepts: Concepts, member: MemberRow, place: int, region: RegionRow, image: Dataset
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    """What is said about a region, which stands at this place in the labels."""
    asked = concepts.own(SHAPE, "Shape as it was drawn")
    drawn = concepts.own(f"shape:{region.kind}", region.kind.capitalize())
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=identity.uids.region(member.digest, place), identifier=tracking_name(place)
        ),
        referenced_region=_scoord(region, image),
        finding_type=concepts.of_class(region.label),
        finding_sites=_sites(concepts, member),
        qualitative_evaluations=[QualitativeEvaluation(asked, drawn)],
    )


def tracking_name(place: int) -> str:
    """What people read beside a region: its number in the labels, from 1."""
    return f"region {place + 1}"


def outline(shape: Shape) -> NDArray[np.float64]:
    """The outline, closed by its first point as PS3.3 C.18.6.1.2 asks of an area, or the point: (points, 2)."""
    points = shape.points
    return np.asarray(points if isinstance(shape, Point) else [*points, points[0]], dtype=np.float64)


def _scoord(region: RegionRow, image: Dataset) -> ImageRegion:
    is_point = isinstance(region.shape, Point)
    return ImageRegion(
        graphic_type=GraphicTypeValues.POINT if is_point else GraphicTypeValues.POLYLINE,
        graphic_data=outline(region.shape),
        source_image=SourceImageForRegion.from_source_image(image),
    )


def _sites(concepts: Concepts, member: MemberRow) -> list[FindingSite] | None:
    return [FindingSite(concepts.of_site(member.site))] if member.site else None


def _confidence(concepts: Concepts, member: MemberRow) -> list[QualitativeEvaluation] | None:
    if member.confidence is None:
        return None
    answer: CodedConcept = concepts.own(f"confidence:{member.confidence}", f"{member.confidence} of 5")
    return [QualitativeEvaluation(concepts.own(CONFIDENCE, "Confidence of the reader"), answer)]
