"""Pixels of stored images: how they are read, and what makes two files the same picture. PURE: numpy and Pillow only."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KINDS = {"L": np.uint8, "RGB": np.uint8, "I;16": np.uint16}


class OtherPixelsError(ValueError):
    """The file holds pixels that no stored image has; `mode` names them as Pillow does."""

    def __init__(self, mode: str) -> None:
        super().__init__(mode)
        self.mode = mode


def decode_stored(content: bytes) -> NDArray[Any]:
    """Decode an image as it is stored.

    Args:
        content: a PNG of 8 bit grey, 16 bit grey or 8 bit RGB.

    Returns:
        ``(h, w)`` uint8 or uint16, or ``(h, w, 3)`` uint8.

    Raises:
        OtherPixelsError: pixels of another kind.
        OSError: no image (among others: Pillow raises ValueError and SyntaxError, too).
    """
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        if image.mode not in _KINDS:
            raise OtherPixelsError(image.mode)
        return np.asarray(image).astype(_KINDS[image.mode], copy=False)


def to_eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale the whole range of 16 bit to the whole range of 8 bit, rounded; 8 bit stays as it is.

    Pillow's own conversion clips instead: all above 255 becomes white.
    """
    if pixels.dtype == np.uint16:
        return np.rint(pixels / np.float32(257)).astype(np.uint8)
    return pixels.astype(np.uint8, copy=False)


def pixel_digest(pixels: NDArray[Any]) -> str:
    """SHA-256 of shape, type and raw little-endian pixels: the same picture whatever encoded it.

    Args:
        pixels: ``(h, w)`` or ``(h, w, c)``; one channel counts as none.
    """
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    little = np.ascontiguousarray(flat, flat.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.shape}|{little.dtype.name}|".encode())
    digest.update(little.tobytes())
    return digest.hexdigest()
