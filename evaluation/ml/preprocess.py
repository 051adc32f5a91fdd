"""From stored uint8 pictures to network input, written down so that it can be digested.

The resize is Pillow's antialiased bicubic on float data, channel by channel. A separable resize is two matrix
products, and Pillow itself tells the matrices (it is applied to the identity): the same numbers as Pillow's to float
rounding, at the speed of a matrix product, for a whole batch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image


@dataclass(frozen=True)
class Preprocessing:
    """Everything that happens to a picture before an extractor sees it.

    ``(pixel - mean) / std`` is applied after the resize, on the 0..255 scale.
    """

    size: int
    mean: float
    std: float
    resize: str = "pillow-bicubic-antialias-float"
    clip: bool = False
    grey: str = "replicated-to-rgb"
    version: int = 1

    @property
    def digest(self) -> str:
        """SHA-256 of the written-down form."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def text(self) -> str:
        """One phrase for reports."""
        return f"{self.size} px, antialiased bicubic (float), grey replicated, (x - {self.mean:g}) / {self.std:g}"

    def apply(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Bring ``(n, h, w, 3)`` uint8 to ``(n, size, size, 3)`` float32."""
        _, height, width, _ = images.shape
        rows, columns = resize_matrix(height, self.size), resize_matrix(width, self.size)
        planes = images.transpose(0, 3, 1, 2).astype(np.float32)  # (n, 3, h, w)
        resized = np.matmul(np.matmul(rows, planes), columns.T)  # (n, 3, size, size)
        scaled: npt.NDArray[np.float32] = (resized - np.float32(self.mean)) / np.float32(self.std)
        return scaled.transpose(0, 2, 3, 1)


@lru_cache(maxsize=64)
def resize_matrix(source: int, target: int) -> npt.NDArray[np.float32]:
    """The ``(target, source)`` matrix of Pillow's antialiased bicubic resize along one axis."""
    identity = Image.fromarray(np.eye(source, dtype=np.float32))
    return np.asarray(identity.resize((source, target), Image.Resampling.BICUBIC), dtype=np.float32)
