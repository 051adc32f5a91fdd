"""MS-SSIM between random pairs: how alike are the pictures of a set? High among synthetic ones means collapse.

Wang, Simoncelli and Bovik 2003, on luminance. The published five scales need 161 px; smaller pictures get as many
scales as an 11 px or 7 px window fits into, with the published weights renormalised; the report says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from evaluation.ml.groups import Codes, jackknife_se

Rows = npt.NDArray[np.float64]
Grey = npt.NDArray[np.float32]
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_CHUNK = 16  # pairs at once: few enough to stay in the processor's cache
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Scales:
    """Window length and number of scales for pictures of one size."""

    window: int
    count: int

    @property
    def text(self) -> str:
        """One phrase for reports."""
        return f"{self.count} scales, {self.window} px Gaussian window"


def scales_for(side: int) -> Scales:
    """11 px window and five scales from 161 px on (as published), 7 px and up to three below.

    Raises:
        ValueError: pictures smaller than one window.
    """
    if side >= 161:
        return Scales(11, 5)
    count = sum(side // 2**level >= 7 for level in range(3))
    if not count:
        raise ValueError("images are smaller than the 7 px window")
    return Scales(7, count)


@dataclass(frozen=True)
class Level:
    """Pictures at one scale, and what each is worth in every pair: shapes (n, h, w) and (n, positions, positions)."""

    images: Grey
    means: Grey
    variances: Grey


def levels(images: Grey, scales: Scales) -> list[Level]:
    """All scales of ``(n, h, w)`` float32 luminance 0..255."""
    found = []
    for at in range(scales.count):
        images = _halve(images) if at else images
        means = _blur(images, scales.window)
        found.append(Level(images, means, _blur(images * images, scales.window) - means**2))
    return found


def ms_ssim(x: Grey, y: Grey, scales: Scales) -> Rows:
    """MS-SSIM of pairs: ``(n, h, w)`` and ``(n, h, w)`` float32 luminance 0..255 → ``(n,)``.

    Negative contrast terms count as zero, as usual, since they cannot be raised to a fraction.
    """
    both = levels(np.concatenate([x, y]), scales)
    first = np.arange(len(x))
    return _paired(both, first, first + len(x), scales)


def _paired(pictures: list[Level], first: Codes, second: Codes, scales: Scales) -> Rows:
    weights = np.array(_WEIGHTS[: scales.count]) / sum(_WEIGHTS[: scales.count])
    product = np.ones(len(first))
    for at, level in enumerate(pictures):
        similarity, contrast = _ssim(level, first, second, scales.window)
        last = at == scales.count - 1
        product *= np.maximum(similarity if last else contrast, 0.0) ** weights[at]
    return product


def _ssim(level: Level, first: Codes, second: Codes, window: int) -> tuple[Rows, Rows]:
    """Mean similarity and mean contrast-structure term over all window positions, each ``(n,)``."""
    mean_x, mean_y = level.means[first], level.means[second]
    product = mean_x * mean_y
    both = _blur(level.images[first] * level.images[second], window) - product
    contrast = (2 * both + _C2) / (level.variances[first] + level.variances[second] + _C2)
    brightness = (2 * product + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return (
        (brightness * contrast).mean(axis=(1, 2), dtype=np.float64),
        contrast.mean(axis=(1, 2), dtype=np.float64),
    )


def _blur(values: Grey, window: int) -> Grey:
    return np.asarray(_gaussian(values.shape[1], window) @ values @ _gaussian(values.shape[2], window).T)


@lru_cache(maxsize=32)
def _gaussian(size: int, window: int) -> Grey:
    """Valid convolution along one axis as a ``(size - window + 1, size)`` matrix; sigma 1.5."""
    taps = np.exp(-0.5 * (np.arange(window) - window // 2) ** 2 / 1.5**2)
    taps /= taps.sum()
    matrix = np.zeros((size - window + 1, size))
    for row in range(len(matrix)):
        matrix[row, row : row + window] = taps
    return matrix.astype(np.float32)


def _halve(images: Grey) -> Grey:
    n, height, width = images.shape
    even = images[:, : height // 2 * 2, : width // 2 * 2]
    return np.asarray(even.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)))


def luminance(images: npt.NDArray[np.uint8]) -> Grey:
    """``(n, h, w, 3)`` uint8 → ``(n, h, w)`` float32 BT.601 luminance, 0..255."""
    return np.asarray(images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32))


@dataclass(frozen=True)
class PairMean:
    """Mean over pairs and its jackknife standard error over units."""

    value: float
    se: float | None
    pairs: int


def mean_over_pairs(
    images: Grey, groups: Codes, pairs: int, rng: np.random.Generator, scales: Scales
) -> PairMean | None:
    """Mean MS-SSIM over random pairs from different groups; None where there is no such pair.

    Args:
        images: ``(n, h, w)`` luminance.
        groups: ``(n,)`` codes 0 … G-1.
        pairs: how many pairs at most, without repetition.
        rng: draws the pairs.
        scales: window and scales.
    """
    first, second = np.triu_indices(len(images), 1)
    apart = np.flatnonzero(groups[first] != groups[second])
    if not len(apart):
        return None
    chosen = np.sort(rng.choice(apart, size=min(pairs, len(apart)), replace=False))
    first, second = first[chosen], second[chosen]
    pictures = levels(images, scales)
    parts = [slice(at, at + _CHUNK) for at in range(0, len(chosen), _CHUNK)]
    values = np.concatenate([_paired(pictures, first[part], second[part], scales) for part in parts])
    return PairMean(float(values.mean()), _pair_se(values, groups[first], groups[second]), len(values))


def _pair_se(values: Rows, first: Codes, second: Codes) -> float | None:
    units = int(max(first.max(), second.max())) + 1
    sums = np.bincount(first, values, units) + np.bincount(second, values, units)
    counts = np.bincount(first, minlength=units) + np.bincount(second, minlength=units)
    touched = counts > 0
    left = len(values) - counts[touched]
    if touched.sum() < 3 or (left == 0).any():
        return None
    return jackknife_se((values.sum() - sums[touched]) / left)
