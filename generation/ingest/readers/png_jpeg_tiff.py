"""PNG, JPEG and TIFF through Pillow: fixed formats, our own pixel cap, pages one by one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from generation.ingest import deidentify
from generation.ingest.limits import Limits
from generation.ingest.picture import Picture, Pixels
from generation.ingest.rejection import RejectedError

_FORMATS = {"png": "PNG", "jpeg": "JPEG", "tiff": "TIFF"}
_PLAIN = {"1": "L", "L": "L", "RGB": "RGB", "YCbCr": "RGB"}
_ALPHA = {"LA": "L", "La": "L", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB"}
_SUBFILE_TYPE = 254
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR_CONFIGURATION = 258, 262, 284
_CHANNELS_APART = 2
_SUBFILE_IS_REDUCED = 0x1 | 0x4  # a smaller copy, a label or macro photograph of a slide, or a mask
_FULL = 65_535


def read(path: Path, place: str, kind: str, limits: Limits, label: str | None) -> Iterator[Picture]:
    """Yield the picture, or the pages of a TIFF at places ``"PLACE#n"``.

    Reduced copies inside a TIFF are passed over; whole-slide scanners keep the photograph of the glass label there.

    Raises:
        RejectedError: too many pixels or pages, an animation, transparency, or a pixel kind that is not read.
    """
    with Image.open(path, formats=[_FORMATS[kind]]) as image:
        if kind == "png" and getattr(image, "n_frames", 1) > 1:
            raise RejectedError("animated")
        if kind != "tiff":
            removed = deidentify.png_metadata(path) if kind == "png" else deidentify.jpeg_metadata(path)
            pixels, notes = _pixels(image, limits)
            yield Picture(place, pixels, kind, removed, label=label, notes=notes)
            return
        numbers = _pages(image, limits)
        for number in numbers:
            image.seek(number)
            removed = deidentify.tiff_metadata(image)
            pixels, notes = _pixels(image, limits)
            spot = place if len(numbers) == 1 else f"{place}#{number + 1}"
            yield Picture(spot, pixels, kind, removed, label=label, notes=notes)


def _pages(image: Image.Image, limits: Limits) -> list[int]:
    """The pages that are pictures in their own right."""
    numbers = []
    for number in range(limits.frames + 1):
        try:
            image.seek(number)
        except EOFError:
            break
        subfile = image.tag_v2.get(_SUBFILE_TYPE, 0)  # type: ignore[attr-defined]
        if not (isinstance(subfile, int) and subfile & _SUBFILE_IS_REDUCED):
            numbers.append(number)
    if len(numbers) > limits.frames:
        raise RejectedError("too_many_frames", limit=limits.frames)
    return numbers or [0]


def _pixels(image: Image.Image, limits: Limits) -> tuple[Pixels, dict[str, Any]]:
    if image.width * image.height > limits.pixels:
        raise RejectedError("too_many_pixels", limit=limits.pixels)
    reduced = _reduction(image)
    white_is_zero = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    image.load()
    with contextlib.suppress(Exception):  # a broken orientation tag is no reason to refuse good pixels
        image = ImageOps.exif_transpose(image)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in _ALPHA:
        return np.asarray(_opaque(image)), reduced
    if image.mode in _PLAIN:
        return np.asarray(image.convert(_PLAIN[image.mode])), reduced
    if image.mode == "I" or image.mode.startswith("I;16"):
        pixels, notes = _stretch(np.asarray(image))
        # Pillow turns such pictures round only where they have 8 bits or fewer.
        return (_FULL - pixels, {**notes, "inverted": True}) if white_is_zero else (pixels, notes)
    raise RejectedError("wrong_mode")


def _reduction(image: Image.Image) -> dict[str, Any]:
    """What Pillow does to colour (and to grey with an alpha channel) of 16 bits: it keeps the upper 8 of them.

    Raises:
        RejectedError: 16 bit colour whose channels are stored one after the other, which Pillow reads wrongly.
    """
    tiles = getattr(image, "tile", ())
    arguments = tiles[0].args if tiles else ""
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    tags = getattr(image, "tag_v2", {})
    deep = ";16" in str(raw) or 16 in tags.get(_BITS_PER_SAMPLE, ())
    if not deep or image.mode.startswith("I"):
        return {}
    if tags.get(_PLANAR_CONFIGURATION) == _CHANNELS_APART:
        raise RejectedError("wrong_mode")
    return {"bits_stored": 16, "reduced": "upper 8 bits kept"}


def _opaque(image: Image.Image) -> Image.Image:
    straight = image.convert("RGBA")
    if straight.getchannel("A").getextrema() != (255, 255):
        raise RejectedError("transparent")
    return straight.convert(_ALPHA[image.mode])


def _stretch(values: np.ndarray[Any, Any]) -> tuple[Pixels, dict[str, Any]]:
    """Bring 9 to 16 bit grey to the full 16 bit range.

    Cameras put 10, 12 or 14 bits into 16; the smallest of these depths that holds the brightest pixel is taken as
    white, so that images of one camera stay comparable.
    """
    lowest, brightest = int(values.min()), int(values.max())
    if lowest < 0 or brightest > _FULL:
        raise RejectedError("wrong_mode")
    bits = next(bits for bits in (8, 10, 12, 14, 16) if brightest < 2**bits)
    scaled = values.astype(np.float32) * (_FULL / (2**bits - 1))
    return np.rint(scaled).astype(np.uint16), {"bits_stored": bits}
