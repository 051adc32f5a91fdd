"""highdicom parses reports and segmentations back to the same words, shapes and masks, as if it had never met us."""

from __future__ import annotations

import highdicom
import numpy as np
import pytest
from highdicom.seg import segread
from highdicom.sr import (
    CodedConcept,
    GraphicTypeValues,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    srread,
)
from pydicom.sr.codedict import codes

from annotation.export.dicom.concepts import SCHEME, designator
from annotation.export.rows import MemberRow
from annotation.geometry import Point, area, raster
from tests.annotation.export.dicom.cast import LONG_TITLE, SCHEMA, Packed
from tests.present import present

# Single precision holds thousandths of a pixel for every image that a generator makes.
EXACT = 3
MAPPED = {
    "gland": ("49755003", "SCT"),
    "oedema": ("K-0815", designator("Terms of a hospital, ward 7")),
    "normal": ("17621005", "SCT"),
}


def content_of(packed: Packed, member: MemberRow) -> MeasurementReport:
    content = srread(packed.path(member, "report")).content
    assert isinstance(content, MeasurementReport)
    return content


Group = PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations


def finding(group: Group) -> CodedConcept:
    return present(group.finding_type)


def answers(group: Group) -> list[str]:
    told = [evaluation.value for evaluation in group.get_qualitative_evaluations()]
    return [value.value for value in told if isinstance(value, CodedConcept)]


def test_every_region_comes_back_with_class_kind_coordinates_and_site(packed):
    for member in packed.release.members:
        content = content_of(packed, member)
        groups = content.get_planar_roi_measurement_groups()
        assert len(groups) == len(member.regions)
        for number, (group, region) in enumerate(zip(groups, member.regions, strict=True), start=1):
            assert (finding(group).value, finding(group).scheme_designator) == (region.label, SCHEME)
            assert group.tracking_identifier == f"region {number}"
            assert [site.value.value for site in group.finding_sites] == sites(member)
            assert answers(group) == [f"shape:{region.kind}"]
            is_point = isinstance(region.shape, Point)
            assert present(group.roi).graphic_type == (
                GraphicTypeValues.POINT if is_point else GraphicTypeValues.POLYLINE
            )
            outline = np.round(present(group.roi).value.astype(np.float64), EXACT)
            expected = region.shape.points if is_point else (*region.shape.points, region.shape.points[0])
            assert np.array_equal(outline, np.asarray(expected))


def sites(member):
    return [f"site:{member.site}"] if member.site else []


def test_every_class_of_the_whole_image_comes_back_with_site_confidence_and_source(packed):
    for member in packed.release.members:
        content = content_of(packed, member)
        image = packed.read(member, "image")
        groups = content.get_image_measurement_groups()
        assert [finding(group).value for group in groups] == list(member.classes)
        for group in groups:
            assert [site.value.value for site in group.finding_sites] == sites(member)
            told = [] if member.confidence is None else [f"confidence:{member.confidence}"]
            assert answers(group) == told
            (source,) = group.source_images
            assert source.referenced_sop_instance_uid == image.SOPInstanceUID
            assert source.referenced_sop_class_uid == image.SOPClassUID


def test_reader_and_reviewers_are_pseudonyms(packed):
    for member in packed.release.members:
        report = srread(packed.path(member, "report"))
        (observer,) = content_of(packed, member).get_observer_contexts()
        assert observer.observer_identifying_attributes.name == f"{member.reader}^"
        told = [str(item.PersonName) for item in report.get("ParticipantSequence", [])]
        assert told == [f"{name}^" for name in member.reviewers]
        assert {item.ParticipationType for item in report.get("ParticipantSequence", [])} <= {"ATTEST"}
        assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")


def test_segments_hold_the_very_pixels_whose_centres_lie_in_the_regions(packed):
    seen = 0
    for member in packed.release.members:
        masks = {
            place: mask
            for place, region in enumerate(member.regions)
            if (mask := raster(region.shape, width=member.width, height=member.height)).any()
        }
        if not masks:
            assert not packed.path(member, "segmentation").exists()
            continue
        found = segread(packed.path(member, "segmentation"))
        image = packed.read(member, "image")
        pixels = found.get_pixels_by_source_instance([image.SOPInstanceUID], combine_segments=False)
        assert pixels.shape == (1, member.height, member.width, len(masks))
        assert np.array_equal(pixels[0].astype(bool), np.stack(list(masks.values()), axis=-1))
        groups = content_of(packed, member).get_planar_roi_measurement_groups()
        for number, place in enumerate(masks, start=1):
            segment = found.get_segment_description(number)
            assert segment.segmented_property_type.value == member.regions[place].label
            assert segment.tracking_uid == groups[place].tracking_uid
            assert segment.algorithm_type == highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
            seen += 1
    assert seen > 150


def test_a_box_on_whole_pixels_has_its_area_in_pixels(packed):
    for member in packed.release.members:
        if len(member.regions) != 1 or member.regions[0].kind == "point":
            continue
        found = segread(packed.path(member, "segmentation"))
        assert int(found.pixel_array.sum()) == area(member.regions[0].shape)


def test_slivers_and_points_are_in_the_report_and_in_no_segment(packed):
    (member,) = [one for one in packed.release.members if len(one.regions) == 3]
    assert segread(packed.path(member, "segmentation")).number_of_segments == 2
    groups = content_of(packed, member).get_planar_roi_measurement_groups()
    assert len(groups) == 3


@pytest.mark.parametrize("key", MAPPED)
def test_mapped_codes_stand_beside_the_site_s_own_words(packed, key):
    members = [member for member in packed.release.members if key in member.classes]
    assert members
    for member in members:
        groups = content_of(packed, member).get_image_measurement_groups()
        (concept,) = [finding(group) for group in groups if finding(group).value == key]
        (mapped,) = concept.EquivalentCodeSequence
        assert (mapped.CodeValue, mapped.CodingSchemeDesignator) == MAPPED[key]


def test_a_class_without_a_code_has_no_equivalent_and_a_long_key_its_own_element(packed):
    (member,) = [one for one in packed.release.members if len(one.regions) == 3]
    groups = content_of(packed, member).get_image_measurement_groups()
    concept = finding(groups[1])
    assert "EquivalentCodeSequence" not in concept
    assert concept.LongCodeValue == "a-class-whose-key-is-longer-than-sixteen"
    assert LONG_TITLE.startswith(concept.CodeMeaning)
    assert 60 < len(concept.CodeMeaning.encode()) <= 64


def test_private_schemes_are_named_in_full(packed):
    report = packed.read(packed.release.members[0], "report")
    schemes = {item.CodingSchemeDesignator: item for item in report.CodingSchemeIdentificationSequence}
    assert schemes[SCHEME].CodingSchemeName == SCHEMA.name.replace("\\", "/")
    assert schemes[MAPPED["oedema"][1]].CodingSchemeName == "Terms of a hospital, ward 7"
    assert len(schemes) == 2  # SNOMED CT needs no introduction


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("SNOMED CT", "SCT"),
        ("http://snomed.info/sct/", "SCT"),
        ("dcm", "DCM"),
        ("NCIt", "NCIt"),
        ("RadLex", "RADLEX"),
    ],
)
def test_terminologies_have_the_names_that_dicom_gives_them(system, expected):
    assert designator(system) == expected


def test_terminologies_without_a_name_in_dicom_get_different_private_ones_that_fit():
    names = {designator("Terms of ward 7"), designator("Terms of ward 8")}
    assert len(names) == 2
    assert all(name.startswith("99") and len(name) == 16 for name in names)


def test_regions_of_what_is_merely_there_are_no_abnormality():
    from annotation.export.dicom.concepts import Concepts
    from annotation.export.dicom.identity import Identity
    from tests.annotation.export.dicom.cast import bare_release

    concepts = Concepts(Identity(bare_release(), "microscopic"))
    assert concepts.category_of("gland") == codes.SCT.MorphologicallyAbnormalStructure
    assert concepts.category_of("normal") == codes.SCT.AnatomicalStructure
