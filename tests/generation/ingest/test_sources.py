"""Every source that an upload may bring, with a real file of each, and sixteen bits from end to end."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image

from generation.pixels import pixel_digest, to_eight_bits
from tests.generation.ingest.builders import codes, dicom, encoded, ingest_here, read, texture, zipped

PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
RAMP = np.linspace(0, 65_535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
DEEP_COLOUR = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=2)
GREY, COLOUR = texture(1), texture(2, (64, 64, 3))


def tiff(pixels, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    images = np.stack([texture(n, (28, 28)) for n in range(3)])
    np.savez(buffer, train_images=images, train_labels=np.array([[0], [1], [0]], np.uint8))
    return buffer.getvalue()


SOURCES = {
    "png grey": (encoded(GREY), [(64, 64)]),
    "png colour": (encoded(COLOUR), [(64, 64, 3)]),
    "jpeg": (encoded(COLOUR, "JPEG"), [(64, 64, 3)]),
    "tiff grey": (tiff(GREY), [(64, 64)]),
    "tiff colour": (tiff(COLOUR, photometric="rgb"), [(64, 64, 3)]),
    "tiff colour, channels apart": (
        tiff(np.moveaxis(COLOUR, 2, 0), photometric="rgb", planarconfig="separate"), [(64, 64, 3)]
    ),
    "tiff 16 bit": (tiff(RAMP), [(64, 64)]),
    "tiff 16 bit colour": (tiff(DEEP_COLOUR, photometric="rgb"), [(64, 64, 3)]),
    "tiff of pages": (tiff(np.stack([texture(5), texture(6)]), photometric="minisblack"), [(64, 64)] * 2),
    "dicom": ((PYDICOM / "CT_small.dcm").read_bytes(), [(128, 128)]),
    "dicom of frames": (
        dicom(np.stack([texture(n).astype(np.uint16) * 200 for n in (7, 8, 9)]), NumberOfFrames=3), [(64, 64)] * 3
    ),
    "dicom colour": ((PYDICOM / "SC_rgb_small_odd.dcm").read_bytes(), [(3, 3, 3)]),
    "medmnist": (npz(), [(28, 28)] * 3),
    "zip": (zipped([("x/a.png", encoded(GREY)), ("b.jpg", encoded(COLOUR, "JPEG"))]), [(64, 64), (64, 64, 3)]),
}  # fmt: skip


@pytest.mark.parametrize(("data", "shapes"), SOURCES.values(), ids=SOURCES.keys())
def test_each_source_is_read(tmp_path, data, shapes):
    entries = read(tmp_path, data)
    assert codes(entries) == ["ok"] * len(shapes)
    assert [entry.pixels.shape for entry in entries] == shapes


DEEP = {
    "png": encoded(RAMP),
    "tiff": tiff(RAMP),
    "tiff, big end first": tiff(RAMP, byteorder=">"),
    "tiff, packed": tiff(RAMP, compression="deflate", predictor=True),
    "dicom": dicom(RAMP, WindowCenter=32768, WindowWidth=65536),
}


@pytest.mark.parametrize("data", DEEP.values(), ids=DEEP.keys())
def test_sixteen_bits_come_through_whole(tmp_path, data):
    outcome = ingest_here(tmp_path, [data], {"bits": 16})
    (row,) = outcome.accepted
    stored = outcome.pixels(row)
    assert (row["bits"], row["source"]["bits_stored"], stored.dtype) == (16, 16, np.dtype(np.uint16))
    assert np.abs(stored.astype(int) - RAMP).max() <= (1 if "window" in row["source"] else 0)
    assert row["pixel_digest"] == pixel_digest(stored)
    with zipfile.ZipFile(io.BytesIO(zipped([("a", (outcome.work / row["file"]).read_bytes())]))) as again:
        assert Image.open(again.open("a")).mode == "I;16"
    with Image.open(outcome.work / row["thumb"]) as thumb:
        assert thumb.mode == "L"
        assert np.abs(np.asarray(thumb).astype(int) - to_eight_bits(RAMP)).max() <= 1


def test_sixteen_bits_are_kept_through_resizing_cropping_and_tiling(tmp_path):
    large = np.asarray(Image.fromarray(RAMP.astype(np.float32)).resize((128, 128)), np.uint16)
    ways: dict[str, dict[str, object]] = {
        "resized": {"image_size": 32},
        "tiled": {"tile": {"size": 32}},
        "padded": {"image_size": 64, "fit": "pad"},
    }
    for name, options in ways.items():
        outcome = ingest_here(tmp_path / name, [encoded(large)], {"bits": 16, **options})
        assert {row["bits"] for row in outcome.accepted} == {16}
        assert max(len(np.unique(outcome.pixels(row))) for row in outcome.accepted) > 256


def test_the_window_of_sixteen_bits_is_applied_and_recorded(tmp_path):
    outcome = ingest_here(tmp_path, [(PYDICOM / "MR_small.dcm").read_bytes()], {"bits": 16})
    (row,) = outcome.accepted
    header = pydicom.dcmread(PYDICOM / "MR_small.dcm")
    window = row["source"]["window"]
    assert (window["from"], window["function"]) == ("file", "LINEAR")
    centre, width = float(header.WindowCenter) - 0.5, float(header.WindowWidth) - 1
    assert (window["low"], window["high"]) == (centre - width / 2, centre + width / 2)
    shown = (header.pixel_array.astype(float) - window["low"]) / (window["high"] - window["low"])
    assert np.abs(outcome.pixels(row) / 65_535 - shown.clip(0, 1)).max() < 1e-4


def test_white_is_zero_in_sixteen_bits_too(tmp_path):
    deep, eight = tiff(RAMP, photometric="miniswhite"), tiff(to_eight_bits(RAMP), photometric="miniswhite")
    (first,), (second,) = read(tmp_path, deep), read(tmp_path, eight)
    assert np.array_equal(first.pixels, 65_535 - RAMP)
    assert first.notes["inverted"] is True
    assert np.array_equal(second.pixels, 255 - to_eight_bits(RAMP))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bit_colour_keeps_its_upper_eight_and_says_so(tmp_path, byteorder):
    data = tiff(DEEP_COLOUR, photometric="rgb", byteorder=byteorder)
    (row,) = (outcome := ingest_here(tmp_path, [data], {"bits": 16})).accepted
    assert np.array_equal(outcome.pixels(row), (DEEP_COLOUR >> 8).astype(np.uint8))
    assert row["bits"] == 8
    assert row["source"] == {"kind": "tiff", "bits_stored": 16, "reduced": "upper 8 bits kept"}


def test_what_pillow_would_read_wrongly_is_refused(tmp_path):
    apart = tiff(np.moveaxis(DEEP_COLOUR, 2, 0), photometric="rgb", planarconfig="separate")
    assert codes(read(tmp_path, apart)) == ["wrong_mode"]


@pytest.mark.parametrize("salt", [None, "of the data set"])
@pytest.mark.parametrize("patient", ["", "M-1"])
def test_frames_of_one_object_are_one_group(tmp_path, salt, patient):
    frames = [
        dicom(np.stack([texture(10 * n + k).astype(np.uint16) * 250 for k in range(3)]), NumberOfFrames=3,
              PatientID=patient, StudyInstanceUID="" if not patient else "2.25.7")
        for n in (1, 2)
    ]  # fmt: skip
    outcome = ingest_here(tmp_path, frames, {"bits": 16, "group_salt": salt} if salt else {"bits": 16})
    groups = {row["ordinal"]: row["group_key"] for row in outcome.accepted}
    assert sorted(groups) == ["1#1", "1#2", "1#3", "2#1", "2#2", "2#3"]
    assert len({groups[f"1#{n}"] for n in (1, 2, 3)}) == len({groups[f"2#{n}"] for n in (1, 2, 3)}) == 1
    # Two objects of one patient stay together; without a patient or study each object stands for itself.
    assert (groups["1#1"] == groups["2#1"]) == bool(patient)
