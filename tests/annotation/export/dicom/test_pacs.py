"""A foreign PACS takes every object by STOW-RS, finds them by QIDO-RS and gives them back unchanged by WADO-RS."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from highdicom.seg import Segmentation
from highdicom.sr import ComprehensiveSR, MeasurementReport
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.annotation.export.dicom import orthanc
from tests.annotation.export.dicom.cast import Packed, answers, make_release, pack

# A whole PACS starts and takes everything in.
pytestmark = pytest.mark.slow

CLASSES = {
    "GM": "1.2.840.10008.5.1.4.1.1.77.1.2",
    "SR": "1.2.840.10008.5.1.4.1.1.88.33",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Packed:
    """A few images; hundreds of regions would show nothing more here."""
    folder = tmp_path_factory.mktemp("dicom")
    return pack(folder, lambda images: make_release(images, given=answers(64)[:5]))


@pytest.fixture(scope="module")
def pacs(tmp_path_factory) -> Iterator[DICOMwebClient]:
    with orthanc.running(tmp_path_factory.mktemp("orthanc")) as address:
        yield DICOMwebClient(address)


@pytest.fixture(scope="module")
def stored(pacs, packed) -> dict[str, Dataset]:
    """All objects of the archive by UID, after they were pushed."""
    objects = [pydicom.dcmread(path) for path in packed.objects]
    answer = pacs.store_instances(datasets=objects)
    assert not answer.get("FailedSOPSequence")
    assert {item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence} == {
        one.SOPInstanceUID for one in objects
    }
    return {str(one.SOPInstanceUID): one for one in objects}


def test_the_study_is_found_by_the_release_it_is_of(pacs, stored, packed):
    patient = f"SYNTHLAB-{packed.release.digest[:16]}"
    (found,) = pacs.search_for_studies(search_filters={"PatientID": patient})
    study = Dataset.from_json(found)
    assert study.StudyInstanceUID == next(iter(stored.values())).StudyInstanceUID
    assert sorted(study.ModalitiesInStudy) == ["GM", "SEG", "SR"]


def test_all_synthetic_studies_are_found_by_the_patient_s_name(pacs, stored):
    # As a browser sends it: this release of the plug-in takes an encoded asterisk for a letter.
    with urllib.request.urlopen(f"{pacs.base_url}/studies?PatientName=SYNTHETIC*", timeout=60) as answer:
        (found,) = json.load(answer)
    assert Dataset.from_json(found).StudyInstanceUID == next(iter(stored.values())).StudyInstanceUID


def test_every_object_is_found_in_its_series(pacs, stored):
    study = next(iter(stored.values())).StudyInstanceUID
    for modality, sop_class in CLASSES.items():
        found = pacs.search_for_instances(
            study_instance_uid=study, search_filters={"Modality": modality}, fields=["SOPClassUID"]
        )
        uids = {str(Dataset.from_json(row).SOPInstanceUID) for row in found}
        assert uids == {uid for uid, one in stored.items() if one.SOPClassUID == sop_class}


def test_every_object_comes_back_with_the_flag_and_as_it_was_sent(pacs, stored):
    for uid, sent in stored.items():
        got = pacs.retrieve_instance(sent.StudyInstanceUID, sent.SeriesInstanceUID, uid)
        assert got.SyntheticData == "YES"
        assert got == sent


def test_the_flag_is_in_the_metadata_that_viewers_ask_for(pacs, stored):
    study = next(iter(stored.values())).StudyInstanceUID
    told = pacs.retrieve_study_metadata(study)
    rows = [Dataset.from_json(row, bulk_data_uri_handler=lambda *_: b"") for row in told]
    assert {row.SOPInstanceUID for row in rows} == set(stored)
    assert {row.SyntheticData for row in rows} == {"YES"}


def test_every_pixel_comes_back(pacs, stored, packed: Packed):
    for member in packed.release.members:
        image = packed.read(member, "image")
        got = pacs.retrieve_instance(image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID)
        assert np.array_equal(got.pixel_array, packed.pixels(member))
        (frame,) = pacs.retrieve_instance_frames(
            image.StudyInstanceUID,
            image.SeriesInstanceUID,
            image.SOPInstanceUID,
            [1],
            media_types=(("application/octet-stream", ExplicitVRLittleEndian),),
        )
        assert np.array_equal(np.frombuffer(frame, np.uint8).reshape(64, 64, 3), packed.pixels(member))


def test_reports_and_segmentations_still_parse_after_the_journey(pacs, stored):
    for uid, sent in stored.items():
        if sent.Modality == "GM":
            continue
        got = pacs.retrieve_instance(sent.StudyInstanceUID, sent.SeriesInstanceUID, uid)
        if sent.Modality == "SR":
            content = ComprehensiveSR.from_dataset(got).content
            assert isinstance(content, MeasurementReport)
            assert content.get_image_measurement_groups()
        else:
            assert Segmentation.from_dataset(got).number_of_segments == len(sent.SegmentSequence)
