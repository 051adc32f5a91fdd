"""Every picture in some bytes, whatever it is wrapped in, and whether it shows what another one shows."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Iterator

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Picture = NDArray[np.float64]
# How files of pictures begin; in tar, Parquet and pages they stand as they are, somewhere.
_BEGINNINGS = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|BM", re.DOTALL
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{80,}={0,2}")
_SIDE = 8


def pictures_in(data: bytes) -> Iterator[Picture]:
    """Every picture that can be decoded from the bytes, as grey samples (height, width)."""
    if data.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            for name in opened.namelist():
                yield from pictures_in(opened.read(name))
        return
    if data[128:132] == b"DICM":
        found = pydicom.dcmread(io.BytesIO(data))
        if "PixelData" in found:
            frames = found.pixel_array.astype(np.float64)
            frames = frames.mean(axis=-1) if found.SamplesPerPixel == 3 else frames
            yield from frames.reshape(-1, found.Rows, found.Columns)
        return
    yield from _decoded(data)
    for text in _BASE64.findall(data):
        # No base64 has such a length: a letter beside it was caught.
        whole = text[:-1] if len(text) % 4 == 1 else text
        yield from _decoded(base64.b64decode(whole + b"=" * (-len(whole) % 4)))


def resembles(picture: Picture, other: Picture) -> bool:
    """Whether two pictures show the same, at any size, brightness and contrast, also as a negative."""
    first, second = _fingerprint(picture), _fingerprint(other)
    return abs(float(first @ second)) > 0.9


def _decoded(data: bytes) -> Iterator[Picture]:
    for match in _BEGINNINGS.finditer(data):
        try:
            with Image.open(io.BytesIO(data[match.start() :])) as picture:
                grey = picture if picture.mode.startswith(("I", "F")) else picture.convert("L")
                yield np.asarray(grey, dtype=np.float64)
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # bytes that happen to look like a beginning


def _fingerprint(picture: Picture) -> NDArray[np.float64]:
    """64 grey values without their mean, of length 1; nothing but zeros where all are equal."""
    small = Image.fromarray(picture.astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float64).ravel()
    values = values - values.mean()
    length = float(np.linalg.norm(values))
    return values / length if length > 1e-6 else np.zeros_like(values)
