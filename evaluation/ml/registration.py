"""Where one picture lies inside another, to a fraction of a pixel.

A place and a size are bettered by Gauss-Newton steps on luminance (Lucas and Kanade 1981), many pairs at once. What is
left between the two pictures then is what they do not share, not what a coarse grid of places misses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Small = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
# Points along a side at which two pictures are compared, and steps that are taken.
POINTS = 16
STEPS = 4
# Standard deviation, in pixels, of the smoothing before: slopes of a noisy picture lead nowhere.
SMOOTHING = 0.7
# A step goes no farther than this many pixels; damping keeps flat pictures where they are.
_STRIDE = 1.5
_DAMPING = 1e-3
_SMALLEST, _LARGEST = 0.5, 0.8
_PAIRS = 512


def smoothed(pictures: npt.NDArray[np.generic]) -> Small:
    """``(n, t, t, 3)`` pictures without their finest detail; commutes with turning and mirroring."""
    sigmas = (0.0, SMOOTHING, SMOOTHING, 0.0)
    return np.asarray(ndimage.gaussian_filter(pictures.astype(np.float32), sigmas, mode="nearest"))


@dataclass(frozen=True)
class Ground:
    """Pictures in which others are looked for: smoothed ``(m, t, t, 3)``; luminance and its slopes, likewise shaped."""

    colour: Small
    slopes: Small

    @classmethod
    def of(cls, pictures: npt.NDArray[np.generic]) -> Ground:
        """Make ``(m, t, t, 3)`` pictures ready."""
        colour = smoothed(pictures)
        grey = colour.mean(axis=3)
        down, right = np.gradient(grey, axis=(1, 2))
        return cls(colour, np.stack([grey, right, down], axis=3))


def lay_over(parts: Small, ground: Ground, rows: Index, starts: Small) -> npt.NDArray[np.float64]:
    """Root mean square difference of each part to the ground below it, at the best place near where it starts.

    Args:
        parts: ``(k, POINTS², 3)`` values of the pictures that are looked for: see `middle_of`.
        ground: in which.
        rows: ``(k,)`` rows of the ground, one a part.
        starts: ``(k, 3)`` left, top and side of the window to begin with, in pixels of the ground.
    """
    found = [np.empty(0)]
    for at in range(0, len(parts), _PAIRS):
        chunk = slice(at, at + _PAIRS)
        found.append(_lay_over(parts[chunk], ground, rows[chunk], starts[chunk]))
    return np.concatenate(found)


def middle_of(pictures: Small, share: float) -> Small:
    """The middle part of smoothed ``(k, t, t, 3)`` pictures, of this share of the side, as ``(k, POINTS², 3)``."""
    side = pictures.shape[1]
    window = np.array([[(1 - share) / 2, (1 - share) / 2, share]], dtype=np.float32) * side
    return _sampled(pictures, np.arange(len(pictures)), np.repeat(window, len(pictures), axis=0))


def _lay_over(parts: Small, ground: Ground, rows: Index, starts: Small) -> npt.NDArray[np.float64]:
    grey, side = parts.mean(axis=2), ground.colour.shape[1]
    across, down = _grid()
    windows, best = starts.copy(), starts.copy()
    least = np.full(len(parts), np.inf, dtype=np.float32)
    for step in range(STEPS + 1):
        seen = _sampled(ground.slopes, rows, windows)
        apart = seen[:, :, 0] - grey
        error = np.square(apart).mean(axis=1)
        better = error < least
        least[better], best[better] = error[better], windows[better]
        if step < STEPS:
            windows = _within(windows + _step(seen, apart, across, down), side)
    apart = _sampled(ground.colour, rows, best) - parts
    return np.asarray(np.sqrt(np.square(apart).mean(axis=(1, 2), dtype=np.float64)))


def _step(seen: Small, apart: Small, across: Small, down: Small) -> Small:
    """Towards the least difference: of left, top and side, ``(k, 3)``."""
    right, below = seen[:, :, 1], seen[:, :, 2]
    slopes = np.stack([right, below, right * across + below * down], axis=2)
    turned = slopes.transpose(0, 2, 1)
    normal = turned @ slopes
    damping = _DAMPING * np.trace(normal, axis1=1, axis2=2) + 1e-6
    normal += damping[:, None, None] * np.eye(3, dtype=np.float32)
    step = -np.linalg.solve(normal, turned @ apart[:, :, None])[:, :, 0]
    return np.clip(step, -_STRIDE, _STRIDE).astype(np.float32)


def _within(windows: Small, side: int) -> Small:
    size = np.clip(windows[:, 2:], _SMALLEST * side, _LARGEST * side)
    return np.concatenate([np.clip(windows[:, :2], 0.0, side - size), size], axis=1)


def _grid() -> tuple[Small, Small]:
    places = ((np.arange(POINTS) + 0.5) / POINTS).astype(np.float32)
    return np.tile(places, POINTS), np.repeat(places, POINTS)


def _sampled(pictures: Small, rows: Index, windows: Small) -> Small:
    """Values at the grid's points of one window of each of these rows, bilinear, ``(k, POINTS², c)``."""
    across, down = _grid()
    last = pictures.shape[1] - 1.001
    x = np.clip(windows[:, 0:1] + across * windows[:, 2:3] - 0.5, 0.0, last)
    y = np.clip(windows[:, 1:2] + down * windows[:, 2:3] - 0.5, 0.0, last)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, below = (x - left)[:, :, None], (y - top)[:, :, None]
    own = rows[:, None]
    upper = pictures[own, top, left] * (1 - right) + pictures[own, top, left + 1] * right
    lower = pictures[own, top + 1, left] * (1 - right) + pictures[own, top + 1, left + 1] * right
    return np.asarray(upper * (1 - below) + lower * below, dtype=np.float32)
