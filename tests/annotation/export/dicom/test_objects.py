"""What pydicom reads: the approved pixels, the synthetic flag everywhere, and who and when it is about."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pydicom
import pytest

from annotation.export.canonical import digest_bytes
from annotation.export.dicom.identity import code_of_key, key_of_code, person_name, plain_text
from annotation.export.dicom.image import UnfitImageError, read_pixels
from tests.annotation.export.dicom.cast import answers, make_release, pack, picture
from tests.annotation.releases import signed_release

UIDS = {
    "microscopic": "1.2.840.10008.5.1.4.1.1.77.1.2",
    "photographic": "1.2.840.10008.5.1.4.1.1.77.1.4",
    "secondary_capture": "1.2.840.10008.5.1.4.1.1.7",
}


def test_every_pixel_of_every_image_is_the_approved_one(case):
    for member in case.release.members:
        found = case.read(member, "image").pixel_array
        expected = case.pixels(member)
        assert found.dtype == (np.uint16 if expected.dtype != np.uint8 else np.uint8)
        assert np.array_equal(found, expected)


def test_the_image_class_is_the_one_that_was_asked_for(case, request):
    chosen = request.node.callspec.params["case"][0]
    for member in case.release.members:
        image = case.read(member, "image")
        assert image.SOPClassUID == UIDS[chosen]
        assert (
            image.Modality == {"microscopic": "GM", "photographic": "XC", "secondary_capture": "OT"}[chosen]
        )
        assert image.get("ConversionType") == ("SYN" if chosen == "secondary_capture" else None)


def test_every_object_says_that_it_is_synthetic_and_by_which_generator(packed):
    assert len(packed.objects) == 16  # six images and reports, four of them with regions that cover pixels
    for path in packed.objects:
        found = pydicom.dcmread(path)
        assert found.SyntheticData == "YES"
        (equipment,) = found.ContributingEquipmentSequence
        (purpose,) = equipment.PurposeOfReferenceCodeSequence
        assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")
        assert equipment.DeviceSerialNumber == "a" * 64
        assert str(found.PatientName).startswith("SYNTHETIC^")
        assert (found.PatientBirthDate, found.PatientSex, found.AccessionNumber) == ("", "", "")


def test_digest_and_recipe_stand_in_the_image(packed):
    for member in packed.release.members:
        facts = json.loads(packed.read(member, "image").ImageComments)
        assert facts == {"image": member.digest, "recipe": dict(member.recipe)}
        assert digest_bytes((packed.folder / member.file_name).read_bytes()) == facts["image"]


def test_dates_are_the_snapshot_s_in_utc(packed):
    made_at = datetime.fromisoformat(packed.release.created_at)
    assert made_at.utcoffset()  # the release tells another zone than the objects
    for path in packed.objects:
        found = pydicom.dcmread(path)
        assert found.TimezoneOffsetFromUTC == "+0000"
        for name in ("Study", "Series", "Content", "InstanceCreation"):
            told = found[f"{name}Date"].value + found[f"{name}Time"].value
            assert datetime.strptime(f"{told}+0000", "%Y%m%d%H%M%S.%f%z") == made_at


def test_objects_stand_in_one_study_and_a_series_for_each_kind(packed):
    found = [pydicom.dcmread(path) for path in packed.objects]
    assert len({one.StudyInstanceUID for one in found}) == len({one.PatientID for one in found}) == 1
    assert len({one.SOPInstanceUID for one in found}) == len(found)
    series = {(one.SeriesInstanceUID, one.Modality, one.SeriesNumber) for one in found}
    assert sorted((modality, int(number)) for _, modality, number in series) == [
        ("GM", 1),
        ("SEG", 3),
        ("SR", 2),
    ]
    numbers = {str(one.InstanceNumber) for one in found if one.Modality == "GM"}
    assert numbers == {"1", "2", "3", "4", "5", "6"}


def test_no_uid_is_drawn_or_borrowed_from_a_library(packed):
    for path in packed.objects:
        found = pydicom.dcmread(path)
        named = [found.file_meta.ImplementationClassUID]
        named += [
            e.value for e in found.iterall() if e.VR == "UI" and not str(e.value).startswith("1.2.840.10008.")
        ]
        assert named
        for uid in named:
            assert uid.is_valid
            assert uid.startswith("2.25.")


def test_the_files_of_an_image_without_regions_hold_no_segmentation(packed):
    for member in packed.release.members:
        drawn = any(region.kind != "point" for region in member.regions)
        assert packed.path(member, "segmentation").exists() == drawn


def test_a_split_is_told_beside_the_recipe(tmp_path):
    from dataclasses import replace

    def split(folder):
        release = make_release(folder, size=32, channels=1, given=answers(32)[:1])
        members = tuple(replace(member, split="val") for member in release.members)
        return signed_release(release, members=members)

    packed = pack(tmp_path, split)
    (member,) = packed.release.members
    assert json.loads(packed.read(member, "image").ImageComments)["split"] == "val"


def test_visible_light_classes_refuse_sixteen_bits(tmp_path):
    with pytest.raises(UnfitImageError, match="Secondary Capture"):
        pack(tmp_path, lambda folder: make_release(folder, channels=1, bits=16, given=answers(64)[:1]))
    assert not (tmp_path / "export.zip").exists()


def test_layouts_that_were_never_approved_are_refused(tmp_path):
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.open(io.BytesIO(picture(8, 3, 0))).convert("RGBA").save(file, "PNG")
    with pytest.raises(UnfitImageError, match="RGBA"):
        read_pixels(file.getvalue())


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("a\\b", 64, "a/b"),
        ("two\nlines\tand  more ", 64, "two lines and more"),
        ("腺腺腺腺", 7, "腺腺"),
        ("before\u202eafter\x00", 64, "before after"),
        ("cut here", 4, "cut"),
    ],
)
def test_text_is_one_line_without_separators_and_short_enough_in_bytes(text, limit, expected):
    assert plain_text(text, limit) == expected


@pytest.mark.parametrize("key", ["gland", "a-b_7", "", "%", "a:b", "../x", "腺 \\ ^", "site:colon"])
def test_every_key_leads_to_a_code_value_and_back(key):
    code = code_of_key(key)
    assert key_of_code(code) == key
    assert code
    assert code.isascii()
    assert not set(code) & set(":\\ ")
    assert (code == key) == (key in ("gland", "a-b_7"))


def test_a_pseudonym_is_a_family_name_alone():
    assert person_name("p-1^Prof=x\\y") == "p-1 Prof x/y^"
