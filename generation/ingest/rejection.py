"""Why an upload, or a part of it, was not taken: stable codes and sentences that a person can act on.

A detail is made of a fixed sentence and of numbers only. It never holds a name, a metadata value or what a
decoder said, because each of these may identify a patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generation.ingest.companion_reasons import COMPANION_DETAILS

if TYPE_CHECKING:
    from generation.ingest.candidate import Candidate

DETAILS: dict[str, str] = {
    # what the file is
    "empty_file": "The file is empty.",
    "unsupported_type": (
        "The content is not a PNG, JPEG, TIFF or DICOM image, a MedMNIST .npz, a zip, a table or annotations. "
        "Convert it, or leave it out."
    ),
    "system_file": "A hidden file of the operating system, no image. It can be ignored.",
    "too_large": "The file holds {size} bytes; at most {limit} are taken.",
    "missing": "The file was not in the upload area any more. Upload it again.",
    # pixels
    "damaged": "The image is damaged or cut off and cannot be read. Export it again from its source.",
    "too_many_pixels": "The image has more than {limit} pixels. Cut it, or scale it down, before the upload.",
    "too_many_frames": "The file holds more than {limit} frames or pages. Split it into several files.",
    "out_of_memory": "Reading the file took more memory than one file may take. Upload a smaller one.",
    "crashed": (
        "Reading the file ended the process that read it, or did not come to an end. "
        "Export it again from its source, or leave it out."
    ),
    "too_slow": "Reading the file took more than {limit} seconds of computing. Export it again, or leave it out.",
    "animated": "The file is an animation. Export its frames as single images.",
    "transparent": "The image has see-through parts. Flatten it onto a background first.",
    "wrong_mode": (
        "The pixels are of a kind that is not read here (CMYK, floating point, 32 bit …). "
        "Export it as 8 or 16 bit grey, or as 8 bit colour."
    ),
    "mixed_channels": (
        "Most images of this upload are {most}, this one is not. "
        "Choose “grey” or “rgb” as channels to bring all into one form."
    ),
    "too_small": "The image is {width} × {height} pixels; at least {least} on each side are needed.",
    "blurred": "The image is far less sharp than is usual in this upload, and blurred ones were to be left out.",
    "blank": "The image is (nearly) one flat value: nothing is to be learnt from it.",
    "exact_duplicate": "The same pixels were already taken from place {first}.",
    "already_present": "The same pixels are already in the data set.",
    "withdrawn_before": "The same pixels were withdrawn from this data set, or from another one of its owner. They stay out.",
    "near_duplicate": (
        "Nearly the same picture (perhaps turned, mirrored or saved again) was taken from place {first} "
        "under another patient or slide."
    ),
    "near_duplicate_known": (
        "Nearly the same picture (perhaps turned, mirrored or saved again) is already in the data set "
        "under another patient or slide."
    ),
    "too_many_images": "One upload may bring {limit} images; this one and what followed it were left out.",
    "too_many_refusals": (
        "More than {limit} parts of this upload were refused; this one and what followed it were not looked at."
    ),
    # archives
    "archive_empty": "The zip holds no files.",
    "archive_damaged": "The zip is damaged or cut off. Make it again.",
    "archive_zip64": "The zip uses the format for very large archives. Split it into zips below 2 GiB.",
    "archive_too_many": "The zip holds more than {limit} files. Split it.",
    "archive_too_large": "Unpacked, the zip holds more than {limit} bytes. Split it.",
    "archive_ratio": "Unpacked, this is more than {limit} times its packed size, which no image needs.",
    "archive_overlap": "Parts of the zip overlap, as in a zip bomb. Make it again with an ordinary tool.",
    "archive_nested": "An archive inside the zip. Upload it on its own, or unpack it first.",
    "archive_encrypted": "This file of the zip is encrypted. Make the zip again without a password.",
    "archive_link": "A link inside the zip instead of a file. Put the file itself in.",
    "archive_method": "Packed by a method that is not read here. Make the zip with the ordinary “deflate”.",
    # DICOM
    "dicom_directory": "A DICOM directory (DICOMDIR), no image. Upload the image files it lists.",
    "dicom_no_image": "A DICOM object without an image (report, plan, waveform, structure set …).",
    "dicom_no_syntax": "The DICOM file does not say how it is encoded. Export it again from its source.",
    "dicom_deflated": "The DICOM file is deflated as a whole. Convert it, for instance with `dcmconv +te`.",
    "dicom_syntax": (
        "The pixels are compressed by a method that is not read here. "
        "Convert the file to “Explicit VR Little Endian”, for instance with `dcmdjpeg` or `gdcmconv --raw`."
    ),
    "dicom_too_deep": "The DICOM sequences are nested more than {limit} deep.",
    "dicom_value_too_large": "One DICOM value is larger than {limit} bytes.",
    "dicom_pixels": "DICOM pixels of this kind are not read: 8 or 16 bit grey, or 8 or 16 bit colour, are.",
    "dicom_pixels_missing": "The DICOM file announces {claimed} bytes of pixels but holds fewer.",
    "burned_in": "The DICOM file says that text about the patient is burned into the pixels. Mask it first.",
    "burned_in_unknown": (
        "The DICOM file does not say whether text is burned into the pixels, and images of its kind often have it. "
        "Look at it in full size, then take it in or keep it out."
    ),
    "burned_in_unseen": (
        "The DICOM file does not say whether text is burned into the pixels, and images of its kind often have it. "
        "Pictures that are cut into pieces are not kept to be looked at: look at your files, and if they are clean, "
        "upload them again with the option that says so."
    ),
    # MedMNIST
    "npz_layout": "The .npz is not laid out like MedMNIST (train_images, train_labels …, unsigned 8 bit).",
    **COMPANION_DETAILS,
}

OVERRULABLE = frozenset(
    {"blank", "blurred", "near_duplicate", "near_duplicate_known", "burned_in_unknown", "too_small"}
)
"""Codes a person may overrule without harm to what must hold, where the picture could be kept."""


def sentence(code: str, facts: Mapping[str, int | str]) -> str:
    """What a code says, with the numbers and places that it names."""
    return DETAILS[code].format(**facts)


class RejectedError(Exception):
    """A file or a part of it is not taken.

    Args:
        code: a key of `DETAILS`.
        facts: numbers (or places) that its sentence names.
    """

    def __init__(self, code: str, **facts: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = DETAILS[code].format(**facts)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rejection at a place of the upload: ``"3"``, ``"3/17"`` in an archive, ``"3#2"`` for a frame.

    Attributes:
        thumb: its thumbnail in the work folder, where it could be decoded.
        kept: what may be taken in after all, when a person says so.
    """

    place: str
    code: str
    detail: str
    thumb: str = ""
    kept: Candidate | None = None

    @classmethod
    def of(
        cls, place: str, code: str, thumb: str = "", kept: Candidate | None = None, **facts: int | str
    ) -> Refusal:
        """Build a refusal from a code and the numbers that its sentence names."""
        return cls(place, code, DETAILS[code].format(**facts), thumb, kept)
