"""The picture of an item as raw samples: the same for a synthetic image and a hidden real one."""

from __future__ import annotations

import hashlib
import hmac
import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image

from annotation.models import Item, Study
from generation.models import SourceImage, SyntheticImage
from synthlab.core.exceptions import NotFound
from synthlab.core.files import path_of

_MODES = {"L": (1, 8), "RGB": (3, 8), "I;16": (1, 16), "I;16B": (1, 16), "I": (1, 16)}


@dataclass(frozen=True, slots=True)
class RawImage:
    """Samples row by row, channels together: uint8, or uint16 with the low byte first.

    `samples` has width · height · channels · bits / 8 bytes.
    """

    samples: bytes
    width: int
    height: int
    channels: int
    bits: int


def image_of(item: Item) -> SyntheticImage | SourceImage:
    """The image that an item shows."""
    image = item.synthetic_image or item.source_image
    if image is None:
        raise NotFound("image_missing", "This item has no image.")
    return image


def image_tag(study: Study, image: SyntheticImage | SourceImage) -> str:
    """An opaque tag of an image inside one study: HMAC-SHA-256 under the study's key."""
    message = f"image:{image.pk}".encode()
    return hmac.new(study.key.encode(), message, hashlib.sha256).hexdigest()


def read_pixels(image: SyntheticImage | SourceImage) -> RawImage:
    """Decode an image.

    Raises:
        NotFound: The stored file is gone.
    """
    path = path_of(image.digest)
    try:
        with Image.open(path) as opened:
            opened.load()
            picture = opened if opened.mode in _MODES else opened.convert("RGB")
            channels, bits = _MODES[picture.mode]
            samples = np.asarray(picture)
            width, height = picture.size
    except FileNotFoundError:
        raise NotFound("file_missing", "The file of this image is not in the store.") from None
    if bits == 16:
        samples = np.clip(samples, 0, 65535).astype(np.uint16)
        if sys.byteorder == "big":
            samples = samples.byteswap()
    return RawImage(np.ascontiguousarray(samples).tobytes(), width, height, channels, bits)
