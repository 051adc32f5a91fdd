"""What makes two files the same picture. PURE: numpy only."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
