"""The DICOM reader: pydicom's own test files, what is shown, and files that were made to harm."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from generation.ingest.limits import Limits
from generation.ingest.picture import Picture
from generation.ingest.readers.dicom import COMPRESSED, NATIVE
from tests.generation.ingest.builders import (
    SC_IMAGE,
    codes,
    dicom,
    dicom_file,
    dicom_header,
    dicom_nested,
    encoded,
    ingest_here,
    ingest_in_child,
    read,
    texture,
)  # fmt: skip

SAMPLES = Path(pydicom.data.__file__).parent / "test_files"
FILES = sorted(path for path in SAMPLES.iterdir() if path.suffix == ".dcm")
GREY = texture(1).astype(np.uint16) * 16

# What pydicom ships on purpose: broken streams, syntaxes without a decoder here, objects that are no images.
REFUSED = {
    "damaged": {
        "GDCMJ2K_TextGBR.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG2000-embedded-sequence-delimiter.dcm",
        "MR_truncated.dcm", "SC_rgb_jpeg.dcm", "badVR.dcm",
    },
    "dicom_syntax": {
        "JPEG-lossy.dcm", "JPGExtended.dcm", "JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm",
        "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm",
        "SC_rgb_jpeg_gdcm.dcm", "UN_sequence.dcm",
    },
    "dicom_deflated": {"image_dfl.dcm"},
    "dicom_no_syntax": {"meta_missing_tsyntax.dcm"},
    "unsupported_type": {
        "ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "no_meta.dcm", "rtstruct.dcm",
    },
    "dicom_pixels": {
        "SC_rgb_rle_32bit.dcm", "SC_rgb_rle_32bit_2frame.dcm", "liver_1frame.dcm", "liver_expb_1frame.dcm",
        "rtdose.dcm", "rtdose_1frame.dcm", "rtdose_expb.dcm", "rtdose_expb_1frame.dcm", "rtdose_rle.dcm",
        "rtdose_rle_1frame.dcm",
    },
    "dicom_no_image": {
        "empty_charset_LEI.dcm", "nested_priv_SQ.dcm", "no_meta_group_length.dcm", "priv_SQ.dcm", "reportsi.dcm",
        "reportsi_with_empty_number_tags.dcm", "rtplan.dcm", "rtplan_truncated.dcm", "test-SR.dcm",
        "waveform_ecg.dcm",
    },
}  # fmt: skip
EXPECTED = {name: code for code, names in REFUSED.items() for name in names}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_files_that_pydicom_ships(tmp_path, path):
    entries = read(tmp_path, path.read_bytes())
    assert set(codes(entries)) == {EXPECTED.get(path.name, "ok")}
    for entry in entries:
        if isinstance(entry, Picture):
            assert entry.pixels.dtype in (np.uint8, np.uint16)
            assert entry.pixels.ndim == 2 or entry.pixels.shape[2] == 3
            assert entry.methods[0] == "113100"


def test_frames_have_places_and_one_holder(tmp_path):
    entries = read(tmp_path, (SAMPLES / "examples_ybr_color.dcm").read_bytes())
    assert [entry.place for entry in entries] == [f"1#{n}" for n in range(1, 31)]
    assert len({entry.holder for entry in entries}) == 1


def test_an_rgb_file_keeps_its_pixels(tmp_path):
    path = SAMPLES / "examples_rgb_color.dcm"
    (entry,) = read(tmp_path, path.read_bytes())
    assert (entry.pixels == dcmread(path).pixel_array).all()


def only(folder, data: bytes, **how) -> Picture:
    (entry,) = read(folder, data, **how)
    assert isinstance(entry, Picture), entry
    return entry


def test_the_window_of_the_file_is_applied_and_recorded(tmp_path):
    # PS3.3 C.11.2.1.2: centre 100, width 101 → black up to 49.5, white from 149.5
    values = np.tile(np.arange(0, 256, 4, dtype=np.uint16), (64, 1))
    shown = only(tmp_path, dicom(values, WindowCenter=100, WindowWidth=101))
    assert shown.notes["window"] == {"low": 49.5, "high": 149.5, "from": "file", "function": "LINEAR"}
    expected = np.rint(np.clip((values - 49.5) / 100, 0, 1) * 65535)
    assert np.abs(shown.pixels.astype(int) - expected).max() <= 1


def test_rescale_comes_before_the_window(tmp_path):
    hounsfield = dicom(
        GREY, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=[40, 500], WindowWidth=[400, 2000]
    )
    shown = only(tmp_path, hounsfield)
    expected = np.clip((GREY.astype(float) - 1024 - (39.5 - 199.5)) / 399, 0, 1)
    assert np.abs(shown.pixels / 65535 - expected).max() < 1e-3


def test_monochrome1_is_inverted_and_padding_left_out(tmp_path):
    plain = only(tmp_path, dicom(GREY))
    turned = only(tmp_path, dicom(GREY, PhotometricInterpretation="MONOCHROME1"))
    assert np.abs(plain.pixels.astype(int) + turned.pixels - 65535).max() <= 1
    padded = GREY + np.uint16(100)
    padded[:8] = 0
    notes = only(tmp_path, dicom(padded, PixelPaddingValue=0)).notes
    assert notes["window"]["low"] == padded[8:].min()


@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": 100, "WindowWidth": 0},
        {"WindowCenter": 100},
        {"WindowCenter": 100, "WindowWidth": 50, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 100, "WindowWidth": 50, "VOILUTFunction": "NONSENSE"},
    ],
)
def test_odd_windows_still_show_the_picture(tmp_path, tags):
    assert only(tmp_path, dicom(GREY, **tags)).pixels.std() > 0


@pytest.mark.parametrize(
    ("tags", "checked", "code"),
    [
        ({"BurnedInAnnotation": "YES"}, True, "burned_in"),
        ({"BurnedInAnnotation": "NO", "Modality": "US"}, False, None),
        ({"Modality": "US"}, False, "burned_in_unknown"),
        ({"SOPClassUID": SC_IMAGE, "Modality": "OT"}, False, "burned_in_unknown"),
        ({"Modality": "US"}, True, None),
        ({"Modality": "CT"}, False, None),
    ],
)
def test_text_in_the_pixels(tmp_path, tags, checked, code):
    outcome = ingest_here(tmp_path, [dicom(GREY, **tags)], {"burned_in_checked": checked})
    assert outcome.codes == ({"1": code} if code else {})


# --- made to harm ---------------------------------------------------------------------------------


@pytest.mark.parametrize("defined", [True, False])
@pytest.mark.parametrize("depth", [65, 200, 5_000])
def test_deep_nesting(tmp_path, depth, defined):
    assert codes(read(tmp_path, dicom_nested(depth, defined=defined))) == ["dicom_too_deep"]


@pytest.mark.parametrize("defined", [True, False])
def test_honest_nesting_is_read(tmp_path, defined):
    picture = only(tmp_path, dicom_nested(60, defined=defined))
    assert picture.removed["nested"] == 59


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Rows": 8192, "Columns": 8192, "NumberOfFrames": 32}, "dicom_pixels_missing"),  # 4 GiB
        ({"Rows": 65535, "Columns": 65535}, "too_many_pixels"),
        ({"NumberOfFrames": 2_000_000_000}, "too_many_frames"),
        ({"NumberOfFrames": -5}, "damaged"),
        ({"Rows": 0}, "damaged"),
        ({"SamplesPerPixel": 3}, "dicom_pixels"),
        ({"SamplesPerPixel": 60_000}, "dicom_pixels"),
        ({"BitsAllocated": 64, "BitsStored": 64}, "dicom_pixels"),
        ({"PhotometricInterpretation": "NONSENSE"}, "dicom_pixels"),
    ],
)
def test_what_the_header_announces_is_checked_before_decoding(tmp_path, tags, code):
    assert codes(read(tmp_path, dicom(bytes(100), **tags))) == [code]


def test_a_deflated_bomb_is_not_inflated(tmp_path):
    header = dicom(bytes(2))
    at = header.index(b"\x08\x00\x16\x00UI")  # SOP class: where the data set begins
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = (
        packer.compress(struct.pack("<HH2sHI", 0x0009, 0x0010, b"OB", 0, 2**27) + bytes(2**27))
        + packer.flush()
    )
    syntax = b"1.2.840.10008.1.2.1.99"
    bomb = (
        header[:at].replace(b"\x14\x001.2.840.10008.1.2.1\x00", struct.pack("<H", len(syntax)) + syntax)
        + zeros
    )
    assert str(DeflatedExplicitVRLittleEndian).encode() in bomb
    outcome = ingest_in_child(tmp_path, [bomb, dicom(GREY)])
    assert outcome.codes == {"1": "dicom_deflated"}
    assert len(outcome.accepted) == 1
    assert outcome.peak_mib < 250


def test_a_small_header_around_a_huge_jpeg(tmp_path):
    jpeg = bytearray(encoded(texture(1), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    frame = encapsulate([bytes(jpeg)])
    data = dicom(frame, syntax=JPEGBaseline8Bit, BitsAllocated=8, BitsStored=8, HighBit=7)
    outcome = ingest_in_child(tmp_path, [data, dicom(GREY)])
    assert outcome.codes == {"1": "damaged"}
    assert len(outcome.accepted) == 1
    assert outcome.peak_mib < 250


def test_another_format_inside_a_frame_is_not_decoded(tmp_path):
    frame = encapsulate([encoded(texture(1), "PNG")])
    data = dicom(frame, syntax=JPEGBaseline8Bit, BitsAllocated=8, BitsStored=8, HighBit=7)
    assert codes(read(tmp_path, data)) == ["damaged"]


def test_compressed_frames_that_are_not_there(tmp_path):
    data = dicom(encapsulate([b"\x00" * 64]), syntax=RLELossless, Rows=8192, Columns=8192, NumberOfFrames=32)
    assert codes(read(tmp_path, data)) == ["damaged"]


def test_a_value_beyond_the_cap(tmp_path):
    data = dicom_header()
    data.add_new(0x00091001, "OB", bytes(2000))
    file = dicom_file(data, GREY)
    assert codes(read(tmp_path, file, limits=Limits(dicom_value_bytes=1000))) == ["dicom_value_too_large"]


def test_directories_and_html_are_no_images(tmp_path):
    listing = Dataset()
    listing.SOPClassUID = "1.2.840.10008.1.3.10"
    listing.SOPInstanceUID = "2.25.7"
    listing.SamplesPerPixel = 1
    assert codes(read(tmp_path, dicom_file(listing, None))) == ["dicom_directory"]
    assert codes(read(tmp_path, bytes(128) + b"DICM<html><script>")) in (["damaged"], ["dicom_no_syntax"])


def test_no_syntax_is_both_native_and_compressed():
    assert not NATIVE & COMPRESSED
    assert DeflatedExplicitVRLittleEndian not in NATIVE | COMPRESSED


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "examples_palette.dcm", "SC_rgb_jpeg_dcmd.dcm"],
)
def test_mutated_files_are_refused_or_read_but_never_raise(tmp_path, name):
    whole = (SAMPLES / name).read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(132, min(len(data), 6000), rng.integers(1, 20)):
            data[at] = rng.integers(256)
        if rng.random() < 0.3:
            del data[rng.integers(132, len(data)) :]
        entries = read(tmp_path, bytes(data))
        assert entries
        assert all(isinstance(entry, Picture) or entry.detail for entry in entries)


def test_big_endian_and_signed_values_survive(tmp_path):
    little = only(tmp_path, (SAMPLES / "MR_small.dcm").read_bytes())
    for name in (
        "MR_small_bigendian.dcm",
        "MR_small_RLE.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
    ):
        assert (only(tmp_path, (SAMPLES / name).read_bytes()).pixels == little.pixels).all()


def test_sixteen_bit_colour_becomes_eight(tmp_path):
    colour = texture(1, (64, 64, 3)).astype(np.uint16) * 257
    buffer = io.BytesIO(
        dicom(colour, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    )
    assert (only(tmp_path, buffer.getvalue()).pixels == texture(1, (64, 64, 3))).all()
