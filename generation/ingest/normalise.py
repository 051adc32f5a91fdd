"""Bring pictures to one form (channels, bits, size) and encode them as fresh PNG files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageOps

from generation.ingest.picture import Pixels
from generation.pixels import to_eight_bits

THUMBNAIL = 128
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode L


@dataclass(frozen=True, slots=True)
class Form:
    """What stored images look like.

    Attributes:
        channels: ``rgb``, ``grey`` or ``keep``.
        bits: 8, or 16 to keep the depth of grey sources that have more.
        size: edge of a square result in pixels; None keeps the size.
        fit: ``crop`` (short side to `size`, middle kept), ``pad`` (long side to `size`, black around) or ``stretch``.
    """

    channels: str = "keep"
    bits: int = 8
    size: int | None = None
    fit: str = "crop"

    def describe(self) -> dict[str, Any]:
        """The same as a record for the data sheet."""
        resize = (
            None
            if self.size is None
            else {"size": self.size, "fit": self.fit, "filter": "bicubic, antialiased"}
        )
        return {"channels": self.channels, "bits": self.bits, "resize": resize}


def to_form(pixels: Pixels, form: Form) -> Pixels:
    """Convert channels and depth; the size stays.

    Args:
        pixels: (h, w) or (h, w, 3).
        form: the target. ``keep`` turns colour pictures that hold only grey into grey.
    """
    if form.bits == 8:
        pixels = to_eight_bits(pixels)
    coloured = pixels.ndim == 3
    if form.channels == "grey" and coloured:
        return np.asarray(Image.fromarray(pixels).convert("L"))
    if form.channels == "rgb" and not coloured:
        return np.repeat(pixels[..., None], 3, axis=2)
    if form.channels == "keep" and coloured and _is_grey(pixels):
        return np.ascontiguousarray(pixels[..., 0])
    return pixels


def _is_grey(pixels: Pixels) -> bool:
    return bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())


def resize(pixels: Pixels, form: Form) -> Pixels:
    """Bring to the form's square size, antialiased bicubic; unchanged where it has none or already fits."""
    if form.size is None or pixels.shape[:2] == (form.size, form.size):
        return pixels
    box = (form.size, form.size)
    deep = pixels.dtype == np.uint16
    # Pillow filters 16 bit only as floating point
    image = Image.fromarray(pixels.astype(np.float32) if deep else pixels)
    match form.fit:
        case "crop":
            image = ImageOps.fit(image, box, Image.Resampling.BICUBIC)
        case "pad":
            image = ImageOps.pad(image, box, Image.Resampling.BICUBIC)
        case _:
            image = image.resize(box, Image.Resampling.BICUBIC)
    resized = np.asarray(image)
    return np.rint(resized.clip(0, 65_535)).astype(np.uint16) if deep else resized


def to_grey(pixels: Pixels) -> NDArray[np.float32]:
    """(h, w) brightness in 0 … 1."""
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)
    if pixels.ndim == 2:
        return pixels * scale
    grey = pixels[..., 0] * np.float32(_LUMA[0] * scale)
    for channel in (1, 2):  # one by one: a product of matrices would first turn the whole picture into floats
        grey += pixels[..., channel] * np.float32(_LUMA[channel] * scale)
    return np.asarray(grey, np.float32)


def encode_png(pixels: Pixels) -> bytes:
    """A PNG with nothing in it but these pixels."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def encode_thumbnail(pixels: Pixels) -> bytes:
    """An 8 bit PNG of at most 128 pixels a side."""
    image = Image.fromarray(np.ascontiguousarray(to_eight_bits(pixels)))
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
    return encode_png(np.asarray(image))


def encoder_name() -> str:
    """Which encoder wrote the files; another version may pack the same pixels into other bytes."""
    return f"pillow {PIL.__version__}"
