"""Identifiers planted wherever a file can hold one: none may come out of the child, in any file or stream."""

import io
import re
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.generation.ingest.builders import (
    dicom_file,
    dicom_header,
    encoded,
    ingest_here,
    ingest_in_child,
    texture,
    zipped,
)  # fmt: skip


class Planter:
    """Makes identifiers that no picture or code could hold by chance, and remembers them."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def __call__(self, where: str) -> str:
        return self.planted.setdefault(where, f"Zqj{len(self.planted):02d}Vxkw")


def identified_dicom(plant: Planter) -> bytes:
    data = dicom_header(
        PatientName=f"{plant('family name')}^{plant('given name')}",
        PatientID=plant("patient id"),
        OtherPatientNames=plant("other name"),
        PatientAddress=plant("address"),
        InstitutionName=plant("institution"),
        ReferringPhysicianName=plant("physician"),
        StudyDescription=plant("study description"),
        PatientComments=plant("comments"),
        AccessionNumber=plant("accession"),
        StationName=plant("station"),
        WindowCenterWidthExplanation=plant("window explanation"),
    )
    request = Dataset()
    request.RequestedProcedureDescription = plant("nested text")
    deeper = Dataset()
    deeper.CodeMeaning = plant("twice nested text")
    request.RequestedProcedureCodeSequence = Sequence([deeper])
    data.RequestAttributesSequence = Sequence([request])
    block = data.private_block(0x0009, plant("private creator"), create=True)
    block.add_new(0x01, "LO", plant("private text"))
    block.add_new(0x02, "OB", plant("private bytes").encode())
    data.add_new(0x60000010, "US", 64)
    data.add_new(0x60000011, "US", 64)
    data.add_new(0x60001500, "LO", plant("overlay label"))
    data.add_new(0x60003000, "OW", plant("overlay plane").encode().ljust(512, b"\0"))
    file = dicom_file(data, texture(1).astype(np.uint16))
    preamble = plant("preamble").encode().ljust(128, b"\0")
    trailing = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 10) + plant("trailing padding").encode()
    return preamble + file[128:] + trailing


def complaining_dicom(plant: Planter) -> bytes:
    """Values that break their rules, so that a library would quote them in a warning or an error."""
    good = dicom_file(dicom_header(InstanceNumber=1, PatientID="x"), texture(2).astype(np.uint16))
    bad = plant("number that is none")
    at = good.index(b"\x20\x00\x13\x00IS")
    length = struct.unpack("<H", good[at + 6 : at + 8])[0]
    return good[: at + 6] + struct.pack("<H", len(bad)) + bad.encode() + good[at + 8 + length :]


def broken_dicom(plant: Planter) -> bytes:
    """Cut off inside the pixels, with a photometric interpretation that an error message would quote."""
    data = dicom_header(PatientID=plant("patient of a broken file"))
    data.PhotometricInterpretation = plant("photometric").upper()
    plant.planted["photometric upper"] = plant("photometric").upper()
    return dicom_file(data, b"\0" * 100)


def identified_png(plant: Planter) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", plant("PNG text"))
    info.add_text("Comment", plant("PNG packed text"), zip=True)
    info.add_itxt("XML:com.adobe.xmp", f"<x>{plant('PNG XMP')}</x>")
    exif = Image.Exif()
    exif[0x013B] = plant("PNG EXIF artist")
    whole = encoded(texture(3), pnginfo=info, exif=exif)
    return whole + plant("after the end of a PNG").encode()


def identified_jpeg(plant: Planter) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = plant("JPEG EXIF description")
    exif[0x0112] = 6  # turned by 90 degrees
    exif.get_ifd(0x8769)[0x9286] = plant("JPEG EXIF comment")
    return encoded(
        texture(4, (64, 96, 3)), "JPEG", exif=exif, comment=plant("JPEG comment").encode(), quality=95
    )


def identified_tiff(plant: Planter) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = plant("TIFF description")
    tags[315] = plant("TIFF artist")
    tags[306] = plant("TIFF time")
    tags[65000] = plant("TIFF tag of our own")
    tags.tagtype[65000] = 2
    buffer = io.BytesIO()
    Image.fromarray(texture(5).astype(np.uint16) * 200).save(
        buffer, "TIFF", tiffinfo=tags, compression="tiff_lzw"
    )
    return buffer.getvalue()


def identified_zip(plant: Planter) -> bytes:
    commented = zipfile.ZipInfo("a.png")
    commented.comment = plant("comment of a member").encode()
    return zipped(
        [
            (f"{plant('folder in a zip')}/{plant('file in a zip')}.png", encoded(texture(6))),
            (f"{plant('unreadable file in a zip')}.doc", plant("text of a letter").encode()),
            (f"{plant('broken file in a zip')}.png", encoded(texture(7))[:200]),
            (commented, encoded(texture(8))),
        ]
    )


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    plant = Planter()
    makers = (
        identified_dicom,
        complaining_dicom,
        broken_dicom,
        identified_png,
        identified_jpeg,
        identified_tiff,
    )
    uploads = [make(plant) for make in (*makers, identified_zip)]
    uploads.append(plant("plain text upload").encode())
    options = {
        "channels": "rgb",
        "groups": {"4": plant("group key of the user"), "5": plant("another group key")},
    }
    folder = tmp_path_factory.mktemp("identified")
    return ingest_in_child(folder, uploads, options), plant.planted, b"".join(uploads)


def test_the_plants_are_really_in_the_upload(outcome):
    _, planted, raw = outcome
    hidden = {
        "PNG packed text",
        "photometric",
        "group key of the user",
        "another group key",
        "text of a letter",
    }
    assert len(planted) >= 40
    for where, identifier in planted.items():
        if where not in hidden:
            assert identifier.encode() in raw, where


def test_what_can_be_read_was_read(outcome):
    ran, _, _ = outcome
    assert ran.status == 0, ran.stderr
    assert [row["ordinal"] for row in ran.accepted] == ["1", "2", "4", "5", "6", "7/1", "7/4"]
    assert ran.codes == {
        "3": "dicom_pixels", "7/2": "unsupported_type", "7/3": "damaged", "8": "unsupported_type",
    }  # fmt: skip


def test_no_identifier_reaches_a_file_a_name_or_a_stream(outcome):
    ran, planted, _ = outcome
    streams = {"stdout": ran.stdout.encode(), "stderr": ran.stderr.encode()}
    files = [path for path in ran.work.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        streams[str(path.relative_to(ran.work))] = path.read_bytes()
        streams[f"name of {path}"] = str(path.relative_to(ran.work)).encode()
    for where, identifier in planted.items():
        wide = identifier.encode("utf-16-le")
        for name, content in streams.items():
            assert identifier.encode().lower() not in content.lower(), (where, name)
            assert wide not in content, (where, name)


def test_stored_images_hold_pixels_and_nothing_else(outcome):
    ran, _, _ = outcome
    pictures = list(ran.work.rglob("*.png"))
    assert pictures
    for path in pictures:
        assert set(chunks(path.read_bytes())) == {b"IHDR", b"IDAT", b"IEND"}


def chunks(data: bytes) -> list[bytes]:
    kinds, at = [], 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        assert (
            zlib.crc32(data[at + 4 : at + 8 + length])
            == struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]
        )
        kinds.append(kind)
        at += 12 + length
    assert at == len(data)
    return kinds


def test_the_record_counts_what_was_left_behind(outcome):
    ran, _, _ = outcome
    by_place = {row["ordinal"]: row["deid"] for row in ran.accepted}
    dicom = by_place["1"]
    assert dicom["methods"] == ["113100", "113103"]
    assert dicom["removed"]["private"] == 3
    assert dicom["removed"]["nested"] == 3
    assert dicom["removed"]["overlay"] == 4
    assert dicom["removed"]["preamble"] == 1
    assert by_place["4"]["removed"] == {"text": 3, "exif": 1, "trailing_bytes": 1}
    assert by_place["5"]["removed"] == {"exif_or_xmp": 1, "text": 1}
    assert by_place["6"]["removed"] == {"tags": 4}
    record = ran.result["deidentification"]
    assert {method["code"] for method in record["methods"]} == {"113100", "113103"}
    assert record["removed"]["private"] == 3


def test_the_orientation_is_applied_before_it_is_dropped(outcome):
    ran, _, _ = outcome
    row = next(row for row in ran.accepted if row["ordinal"] == "5")
    assert (row["width"], row["height"]) == (64, 96)


def test_group_keys_tell_nothing_and_stay_the_same(outcome, tmp_path):
    ran, _, _ = outcome
    for row in ran.accepted:
        assert re.fullmatch(r"[gi]-[0-9a-f]{24}", row["group_key"])


def test_with_a_salt_a_patient_is_known_again_and_without_it_cannot_be_guessed(tmp_path):
    def keys(name: str, seed: int, salt: str | None) -> set[str]:
        upload = dicom_file(dicom_header(PatientID="4711"), texture(seed).astype(np.uint16))
        ran = ingest_here(tmp_path / name, [upload], {"group_salt": salt} if salt else {})
        return {row["group_key"] for row in ran.accepted}

    assert keys("a", 1, "of this data set") == keys("b", 2, "of this data set")
    assert keys("c", 1, "of another") != keys("a", 1, "of this data set")
    assert keys("d", 1, None) != keys("a", 1, "of this data set")
