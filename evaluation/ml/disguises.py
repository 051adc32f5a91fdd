"""Spaces in which a copy stays near although it was cut out, moved or mixed with another picture.

Both work on reduced pictures, projected on their leading axes (fitted on training pictures alone): what is left out is
mostly noise, so noise hides nothing. Unseen real pictures go through the same search, so a search that finds more in
everything stays calibrated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt
from PIL import Image

from evaluation.ml.nearest import Measure, Rows
from evaluation.ml.symmetry import transform

Small = npt.NDArray[np.float32]
# Windows are compared at this side: coarse enough that half a step of the grid hardly matters.
WINDOW_SIDE = 8
# The middle part of a picture that is looked for in others, and the sizes it may have there (shares of the side).
MIDDLE = 0.75
SIZES = (0.75, 0.675, 0.6)
# Step of the grid of windows, in pixels of the reduced picture.
STEP = 2.0
WINDOW_AXES = 48
MIXTURE_AXES = 96
# How many nearest pictures are tried as the main part of a mixture, and the least it may weigh.
PARTNERS = 6
LEAST_WEIGHT = 0.5
# Targets whose windows are searched at once: their distances stay in the processor's cache until the least is taken.
_TARGETS = 8
_QUERIES = 256


def leading_axes(rows: Small, count: int) -> tuple[Small, Small]:
    """Mean ``(d,)`` and leading axes ``(d, <= count)`` of rows ``(n, d)``."""
    mean = rows.mean(axis=0)
    _, axes = np.linalg.eigh(((rows - mean).T @ (rows - mean)).astype(np.float64))
    return mean, np.ascontiguousarray(axes[:, ::-1][:, :count], dtype=np.float32)


class CropSpace:
    """How well the middle of a picture is found inside another: moved, enlarged up to a quarter, mirrored or turned.

    Root mean square grey-level difference between the middle of the query and the best window of the target.
    """

    name = "crops"
    unit = "grey levels (root mean square) of the common part"

    def __init__(self, training: npt.NDArray[np.uint8], symmetries: tuple[str, ...]) -> None:
        self._symmetries = symmetries
        self._windows = window_grid(training.shape[1])
        sample = np.concatenate(list(_cuts(training, self._windows[::5])))
        self._mean, self._axes = leading_axes(sample, WINDOW_AXES)

    def distances_to(self, targets: npt.NDArray[np.generic]) -> Measure:
        """Distances to the best windows of ``(m, t, t, 3)`` targets."""
        windows = np.stack([self._project(cut) for cut in _cuts(targets, self._windows)], axis=1)
        # |q - w|² = |q|² + (-2w, |w|²)·(q, 1): one matrix product gives all but |q|².
        folded = np.concatenate([-2.0 * windows, np.square(windows).sum(axis=2, keepdims=True)], axis=2)
        side = targets.shape[1]
        middle = (side * (1 - MIDDLE) / 2, side * (1 - MIDDLE) / 2, side * MIDDLE)

        def measure(queries: npt.NDArray[np.generic]) -> Rows:
            squares = np.full((len(queries), len(targets)), np.inf, dtype=np.float32)
            for name in self._symmetries:
                seen = self._project(next(_cuts(transform(queries, name), [middle])))
                found = _least(seen, folded) + np.square(seen).sum(axis=1, keepdims=True)
                np.minimum(squares, found, out=squares)
            return np.asarray(np.sqrt(np.maximum(squares, 0.0).astype(np.float64) / len(self._mean)))

        return measure

    def _project(self, rows: Small) -> Small:
        return np.asarray((rows - self._mean) @ self._axes)


def _least(seen: Small, folded: Small) -> Small:
    """Over the windows of each target, the least of (q, 1)·(-2w, |w|²): ``(n, m)``."""
    extended = np.concatenate([seen, np.ones((len(seen), 1), dtype=np.float32)], axis=1)
    count, windows, length = folded.shape
    parts = []
    for at in range(0, count, _TARGETS):
        part = folded[at : at + _TARGETS].reshape(-1, length)
        parts.append((part @ extended.T).reshape(-1, windows, len(seen)).min(axis=1))
    return np.asarray(np.concatenate(parts).T)


Window = tuple[float, float, float]  # left, top and side, in pixels of the reduced picture


def window_grid(side: int) -> list[Window]:
    """All windows of a picture that are searched."""
    windows = []
    for size in SIZES:
        free = side * (1.0 - size)
        places = np.linspace(0.0, free, int(np.ceil(free / STEP)) + 1)
        windows += [(float(left), float(top), side * size) for top in places for left in places]
    return windows


def _cuts(pictures: npt.NDArray[np.generic], windows: Sequence[Window]) -> Iterator[Small]:
    """Each window of ``(n, t, t, 3)`` pictures at `WINDOW_SIDE`, as rows around mid-grey.

    Windows of one height share the work along that axis where they follow each other.
    """
    height, width = pictures.shape[1:3]
    planes = pictures.transpose(0, 3, 1, 2).astype(np.float32) - np.float32(127.5)
    for (top, size), beside in groupby(windows, key=lambda window: window[1:]):
        strip = np.matmul(_resampler(height, top, size), planes)
        for left, _, _ in beside:
            yield np.matmul(strip, _resampler(width, left, size).T).reshape(len(pictures), -1)


@lru_cache(maxsize=512)
def _resampler(side: int, start: float, size: float) -> Small:
    """The ``(WINDOW_SIDE, side)`` matrix of Pillow's antialiased bilinear resize of a part of an axis."""
    identity = Image.fromarray(np.eye(side, dtype=np.float32))
    part = (0.0, start, float(side), min(start + size, float(side)))
    return np.asarray(identity.resize((side, WINDOW_SIDE), Image.Resampling.BILINEAR, box=part))


class MixtureSpace:
    """Root mean square grey-level difference between reduced pictures, and to mixtures of two training pictures."""

    name = "mixtures"
    unit = "grey levels (root mean square)"

    def __init__(self, training: npt.NDArray[np.uint8], symmetries: tuple[str, ...]) -> None:
        self._symmetries = symmetries
        self._mean, self._axes = leading_axes(_halved(training).reshape(len(training), -1), MIXTURE_AXES)

    def distances_to(self, targets: npt.NDArray[np.generic]) -> Measure:
        """Distances to single pictures ``(m, t, t, 3)``."""
        rows = self._project(targets)
        lengths = np.square(rows).sum(axis=1)

        def measure(queries: npt.NDArray[np.generic]) -> Rows:
            squares = np.full((len(queries), len(rows)), np.inf, dtype=np.float32)
            for seen in self._forms(queries):
                np.minimum(squares, _squares(seen, rows, lengths), out=squares)
            return self._root(squares)

        return measure

    def to_mixtures(self, queries: npt.NDArray[np.generic], training: npt.NDArray[np.generic]) -> Rows:
        """Distance of each query to the nearest mixture w·a + (1 - w)·b of two training pictures, ``(n,)``.

        a is one of the `PARTNERS` nearest to the query, b any other, and w at least `LEAST_WEIGHT`.
        """
        rows = self._project(training)
        between = rows @ rows.T
        found = []
        for at in range(0, len(queries), _QUERIES):
            forms = self._forms(queries[at : at + _QUERIES])
            found.append(np.min([_nearest_mixture(seen, rows, between) for seen in forms], axis=0))
        return self._root(np.concatenate(found))

    def _project(self, pictures: npt.NDArray[np.generic]) -> Small:
        return self._on_axes(_halved(pictures))

    def _forms(self, pictures: npt.NDArray[np.generic]) -> Iterator[Small]:
        """The pictures under each symmetry; they are halved once, which commutes with turning and mirroring."""
        small = _halved(pictures)
        return (self._on_axes(transform(small, name)) for name in self._symmetries)

    def _on_axes(self, small: npt.NDArray[np.generic]) -> Small:
        return np.asarray(
            (small.reshape(len(small), -1).astype(np.float32, copy=False) - self._mean) @ self._axes
        )

    def _root(self, squares: Small) -> Rows:
        return np.asarray(np.sqrt(np.maximum(squares, 0.0).astype(np.float64) / len(self._mean)))


def _halved(pictures: npt.NDArray[np.generic]) -> Small:
    """Means over 2×2 pixels around mid-grey, ``(n, t/2, t/2, c)``; sums of bytes are exact in any order."""
    exact = pictures.astype(np.float32)
    columns = exact[:, :, ::2] + exact[:, :, 1::2]
    return np.asarray((columns[:, ::2] + columns[:, 1::2]) / np.float32(4.0) - np.float32(127.5))


def _squares(seen: Small, rows: Small, lengths: Small) -> Small:
    return np.asarray(np.square(seen).sum(axis=1)[:, None] + lengths[None, :] - 2.0 * (seen @ rows.T))


def _nearest_mixture(seen: Small, rows: Small, between: Small) -> Small:
    """Least squared distance to a point of the segments from a near picture a towards any other b, ``(n,)``.

    With u = a - b, the best weight is w = (q - b)·u / |u|², cut to its bounds, and the distance
    |q - b|² - 2w·(q - b)·u + w²·|u|².
    """
    lengths = np.diag(between)
    products = seen @ rows.T
    squares = _squares(seen, rows, lengths)
    partners = min(PARTNERS, len(rows))
    near = np.argpartition(squares, partners - 1, axis=1)[:, :partners]
    least = squares.min(axis=1)
    for a in near.T:
        spread = np.maximum(lengths[a][:, None] + lengths[None, :] - 2.0 * between[a], 1e-6)
        along = np.take_along_axis(products, a[:, None], axis=1) - products - between[a] + lengths[None, :]
        weight = np.clip(along / spread, LEAST_WEIGHT, 1.0)
        least = np.minimum(least, (squares - 2.0 * weight * along + np.square(weight) * spread).min(axis=1))
    return np.asarray(least)
