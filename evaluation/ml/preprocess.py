"""From stored uint8 pictures to network input, written down so that it can be digested.

A separable resize is two matrix products: the same numbers as those of the library it is called after, to float
rounding, at the speed of a matrix product, for a whole batch. Pillow itself tells the matrices of its antialiased
bicubic resize (it is applied to the identity).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Matrix = npt.NDArray[np.float32]

PILLOW_BICUBIC = "pillow-bicubic-antialias-float"
TENSORFLOW_BILINEAR = "tensorflow1-bilinear"


@dataclass(frozen=True)
class Preprocessing:
    """Everything that happens to a picture before an extractor sees it.

    ``(pixel - mean) / std`` is applied after the resize, on the 0..255 scale.
    """

    size: int
    mean: float
    std: float
    resize: str = PILLOW_BICUBIC
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
        resize = _RESIZES[self.resize].text
        return f"{self.size} px, {resize}, grey replicated, (x - {self.mean:g}) / {self.std:g}"

    def apply(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Bring ``(n, h, w, 3)`` uint8 to ``(n, size, size, 3)`` float32."""
        _, height, width, _ = images.shape
        matrix = _RESIZES[self.resize].matrix
        rows, columns = matrix(height, self.size), matrix(width, self.size)
        planes = images.transpose(0, 3, 1, 2).astype(np.float32)  # (n, 3, h, w)
        resized = np.matmul(np.matmul(rows, planes), columns.T)  # (n, 3, size, size)
        scaled: npt.NDArray[np.float32] = (resized - np.float32(self.mean)) / np.float32(self.std)
        return scaled.transpose(0, 2, 3, 1)


@lru_cache(maxsize=64)
def resize_matrix(source: int, target: int) -> Matrix:
    """The ``(target, source)`` matrix of Pillow's antialiased bicubic resize along one axis."""
    identity = Image.fromarray(np.eye(source, dtype=np.float32))
    return np.asarray(identity.resize((source, target), Image.Resampling.BICUBIC), dtype=np.float32)


@lru_cache(maxsize=64)
def tensorflow_matrix(source: int, target: int) -> Matrix:
    """The ``(target, source)`` matrix of TensorFlow 1's `resize_bilinear` along one axis.

    Corners are not aligned and nothing is smoothed when it shrinks: pixel i lies at ``i * source / target`` (float32),
    between its two neighbours, the last of which is repeated at the edge. FID is defined with it, faults included.
    """
    place = np.arange(target, dtype=np.float32) * np.float32(source / target)
    below = place.astype(np.int64)
    share = place - below.astype(np.float32)
    each = np.arange(target)
    matrix = np.zeros((target, source), dtype=np.float32)
    matrix[each, below] = 1 - share
    matrix[each, np.minimum(below + 1, source - 1)] += share
    return matrix


@dataclass(frozen=True)
class _Resize:
    matrix: Callable[[int, int], Matrix]
    text: str


_RESIZES = {
    PILLOW_BICUBIC: _Resize(resize_matrix, "antialiased bicubic (float)"),
    TENSORFLOW_BILINEAR: _Resize(tensorflow_matrix, "bilinear as in TensorFlow 1 (not antialiased)"),
}
