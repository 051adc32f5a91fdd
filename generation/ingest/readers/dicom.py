"""DICOM through pydicom: limits before parsing, sizes before decoding, one frame at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info, read_partial
from pydicom.pixels.utils import iter_pixels
from pydicom.tag import BaseTag
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
)

from generation.ingest import deidentify
from generation.ingest.limits import Limits
from generation.ingest.picture import Picture
from generation.ingest.readers.dicom_display import to_display
from generation.ingest.rejection import RejectedError

NATIVE = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
COMPRESSED = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEG2000Lossless, JPEG2000, RLELossless})

_DIRECTORY = "1.2.840.10008.1.3.10"
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"})
# Devices and converters that write text into the picture itself.
_OFTEN_BURNED_IN = frozenset({"US", "IVUS", "SC", "OT", "ES", "XA", "RF", "DOC", "ECG", "OP", "OPT", "BMD"})
_DESCRIPTION = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
)
_PREAMBLE = 128
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_UNDEFINED = 0xFFFFFFFF


def read(path: Path, place: str, limits: Limits, label: str | None) -> Iterator[Picture]:
    """Yield the frames of a DICOM file: one at its place, several at ``"PLACE#n"``.

    Grey frames come as 8 or 16 bit over the full range, through the modality LUT and the file's first window (or
    its VOI LUT, or the frame's own range); colour as 8 bit RGB. How, is in the picture's notes.

    Args:
        path: the file.
        place: its place in the upload.
        limits: ceilings.
        label: the class that its folder gives.

    Raises:
        RejectedError: no image, hostile, too large, an encoding that is not read, or text in the pixels.
    """
    syntax = _syntax(path)
    with path.open("rb") as file:
        preamble = file.read(_PREAMBLE)
        file.seek(0)
        header = read_partial(file, partial(_stops_at, largest=limits.dicom_value_bytes))
    removed = deidentify.dicom_metadata(header, preamble, limits.dicom_depth, limits.dicom_value_bytes)
    frames = _check_size(header, syntax, path.stat().st_size, limits)
    flags = _check_burned_in(header)
    for number, frame in enumerate(iter_pixels(path), start=1):
        if number > frames:
            break
        pixels, notes = to_display(frame, header)
        yield Picture(
            place if frames == 1 else f"{place}#{number}",
            pixels,
            "dicom",
            removed,
            methods=deidentify.dicom_methods(removed),
            holder=_holder(header),
            label=label,
            notes=notes,
            flags=flags,
        )


def _stops_at(tag: BaseTag, _vr: str | None, length: int, *, largest: int) -> bool:
    """Whether the pixels begin here. Asked before a value is read, so that no memory is set aside for a lie."""
    if tag in _PIXELS:
        return True
    if length > largest and length != _UNDEFINED:
        raise RejectedError("dicom_value_too_large", limit=largest)
    return False


def _syntax(path: Path) -> UID:
    """The transfer syntax, from the file meta group alone: nothing is inflated or decoded for it."""
    meta = read_file_meta_info(path)
    if str(meta.get("MediaStorageSOPClassUID", "")) == _DIRECTORY:
        raise RejectedError("dicom_directory")
    if not meta.get("TransferSyntaxUID"):
        raise RejectedError("dicom_no_syntax")
    syntax = UID(str(meta.TransferSyntaxUID))
    if syntax == DeflatedExplicitVRLittleEndian:
        raise RejectedError("dicom_deflated")
    if syntax not in NATIVE | COMPRESSED:
        raise RejectedError("dicom_syntax")
    return syntax


def _check_size(header: Dataset, syntax: UID, file_bytes: int, limits: Limits) -> int:
    """Compare what the header announces with the limits and with the file. All in Python's own integers.

    Returns:
        The number of frames.
    """
    if any(header.get(name) in (None, "") for name in _DESCRIPTION):
        raise RejectedError("dicom_no_image")
    rows, columns, samples, bits = (
        int(header[name].value) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    frames = int(header.get("NumberOfFrames") or 1)
    photometric = str(header.PhotometricInterpretation)
    if bits not in (8, 16) or not (
        (samples == 1 and photometric in _GREY) or (samples == 3 and photometric in _COLOUR)
    ):
        raise RejectedError("dicom_pixels")
    if syntax == JPEGExtended12Bit and int(header.BitsStored) != 8:
        raise RejectedError("dicom_syntax")  # Pillow decodes JPEG of 8 bits only
    if min(rows, columns, frames) < 1:
        raise RejectedError("damaged")
    if frames > limits.frames:
        raise RejectedError("too_many_frames", limit=limits.frames)
    if rows * columns > limits.pixels:
        raise RejectedError("too_many_pixels", limit=limits.pixels)
    claimed = frames * rows * columns * samples * bits // 8
    if photometric == "YBR_FULL_422":
        claimed = claimed * 2 // 3  # colour is stored at half the width
    if syntax in NATIVE and claimed > file_bytes:
        raise RejectedError("dicom_pixels_missing", claimed=claimed)
    return frames


def _check_burned_in(header: Dataset) -> tuple[str, ...]:
    """Refuse text in the pixels; where the file is silent and its kind often has some, flag it."""
    declared = str(header.get("BurnedInAnnotation", "")).upper()
    if declared == "YES":
        raise RejectedError("burned_in")
    if declared != "NO" and str(header.get("Modality", "")).upper() in _OFTEN_BURNED_IN:
        return ("burned_in_unknown",)
    return ()


def _holder(header: Dataset) -> bytes | None:
    """Whom the image belongs to, as a digest: the patient, else the study."""
    parts: list[Any] = [header.get("PatientID"), header.get("IssuerOfPatientID")]
    if not parts[0]:
        parts = [header.get("StudyInstanceUID")]
    if not parts[0]:
        return None
    return hashlib.sha256("\0".join(str(part or "").strip() for part in parts).encode()).digest()
