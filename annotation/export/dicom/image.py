"""An image as VL Microscopic, VL Photographic or Secondary Capture object, its pixels as they were approved."""

from __future__ import annotations

import io
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    UID,
    SecondaryCaptureImageStorage,
    VLMicroscopicImageStorage,
    VLPhotographicImageStorage,
)

from annotation.export.canonical import canonical_json
from annotation.export.dicom.identity import Identity
from annotation.export.dicom.stamping import IMAGE, stamp
from annotation.export.rows import MemberRow

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
_GREY_16 = frozenset({"I;16", "I;16L", "I;16B", "I"})


@dataclass(frozen=True, slots=True)
class ImageClass:
    """An image class that objects can be written as; visible-light classes hold 8 bits at most (PS3.3 C.8.12.1)."""

    uid: UID
    modality: str
    visible_light: bool


IMAGE_CLASSES = MappingProxyType(
    {
        "microscopic": ImageClass(VLMicroscopicImageStorage, "GM", True),
        "photographic": ImageClass(VLPhotographicImageStorage, "XC", True),
        "secondary_capture": ImageClass(SecondaryCaptureImageStorage, "OT", False),
    }
)


class UnfitImageError(ValueError):
    """The image class cannot hold such an image."""


def read_pixels(png: bytes) -> Pixels:
    """The samples of a PNG: (h, w) uint8 or uint16 for grey, (h, w, 3) uint8 for colour.

    Raises:
        UnfitImageError: It has transparency, a palette or another layout that was never approved.
    """
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        if image.mode in _GREY_16:
            return np.asarray(image).astype(np.uint16)
        if image.mode in ("L", "RGB"):
            return np.asarray(image, dtype=np.uint8)
        raise UnfitImageError(f"an image of the mode {image.mode} has no place in DICOM")


def make_image(identity: Identity, member: MemberRow, number: int, pixels: Pixels) -> Dataset:
    """The image object of a member.

    Args:
        identity: Of the release.
        member: The image.
        number: Its place in the release, from 1.
        pixels: Its samples, as `read_pixels` gives them.

    Raises:
        UnfitImageError: The image class holds no such samples.
    """
    chosen = IMAGE_CLASSES[identity.image_class]
    if chosen.visible_light and pixels.dtype != np.uint8:
        raise UnfitImageError("visible-light objects hold 8 bits a sample; choose Secondary Capture for 16")
    image = Dataset()
    image.SOPClassUID = chosen.uid
    image.Modality = chosen.modality
    stamp(image, identity, IMAGE, member, number)
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.DerivationDescription = (
        "Synthetic image, sampled from an image generator that is named under Contributing Equipment. No patient was "
        "imaged. Image Comments holds the SHA-256 of the approved PNG file and the recipe that makes it again."
    )
    image.ImageComments = describe_origin(member)
    image.PatientOrientation = ""
    image.Laterality = ""
    image.BurnedInAnnotation = "NO"
    image.RecognizableVisualFeatures = "NO"
    image.LossyImageCompression = "00"
    if chosen.visible_light:
        image.AcquisitionContextSequence = []
    else:
        image.ConversionType = "SYN"
    _set_pixels(image, pixels)
    return image


def describe_origin(member: MemberRow) -> str:
    """Digest and recipe of the approved PNG file, as JSON."""
    facts = {"image": member.digest, "recipe": dict(member.recipe)}
    if member.split:
        facts["split"] = member.split
    return canonical_json(facts).decode().strip()


def _set_pixels(image: Dataset, pixels: Pixels) -> None:
    is_colour = pixels.ndim == 3
    bits = 8 * pixels.dtype.itemsize
    image.SamplesPerPixel = 3 if is_colour else 1
    image.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        image.PlanarConfiguration = 0
    image.Rows, image.Columns = pixels.shape[:2]
    image.BitsAllocated = image.BitsStored = bits
    image.HighBit = bits - 1
    image.PixelRepresentation = 0
    image.add_new("PixelData", "OW" if bits == 16 else "OB", pixel_data(pixels))


def pixel_data(pixels: Pixels) -> bytes:
    """Samples as an element holds them: little endian, of even length."""
    data = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    return data + b"\0" * (len(data) % 2)
