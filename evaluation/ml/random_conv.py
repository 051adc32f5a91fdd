"""A tiny seeded random convolution: for tests and smoke runs. Its distances mean nothing to people."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from evaluation.ml.extractors import RANDOM_CONV
from evaluation.ml.preprocess import Preprocessing

_SEED = 20240501
_FILTERS = 24
_PATCH = 5
_GRID = 2


class RandomConv:
    """Random zero-mean 5×5 filters, rectified, mean over a 2×2 grid and overall spread: d = 120.

    Needs numpy alone. Labelled uncalibrated wherever its numbers stand.
    """

    name = RANDOM_CONV
    calibrated = False
    dimension = _FILTERS * (_GRID * _GRID + 1)
    preprocessing = Preprocessing(size=32, mean=127.5, std=127.5)

    def __init__(self) -> None:
        rng = np.random.Generator(np.random.Philox(_SEED))
        filters = rng.standard_normal((_PATCH * _PATCH * 3, _FILTERS))
        # Half of the filters see edges only, half see colour and brightness too.
        filters[:, ::2] -= filters[:, ::2].mean(axis=0)
        self._filters = (filters / np.linalg.norm(filters, axis=0)).astype(np.float32)
        written = f"random-conv 1 {_SEED} {_FILTERS} {_PATCH} {_GRID}".encode()
        self.digest = hashlib.sha256(written + self._filters.tobytes()).hexdigest()

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Map ``(n, h, w, 3)`` uint8 to ``(n, 120)`` float32."""
        prepared = self.preprocessing.apply(images)
        # One picture at a time: a row cannot depend on its neighbours.
        return np.stack([self._one(picture) for picture in prepared])

    def _one(self, picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        windows = np.lib.stride_tricks.sliding_window_view(picture, (_PATCH, _PATCH), axis=(0, 1))
        side = windows.shape[0]
        columns = np.ascontiguousarray(windows).reshape(side * side, -1)  # (positions, 3 * patch * patch)
        maps = np.maximum(columns @ self._filters, 0.0).reshape(side, side, _FILTERS)
        half = side // _GRID
        cells = (
            maps[: half * _GRID, : half * _GRID].reshape(_GRID, half, _GRID, half, _FILTERS).mean(axis=(1, 3))
        )
        spread = maps.std(axis=(0, 1))
        return np.concatenate([cells.reshape(-1), spread]).astype(np.float32)
