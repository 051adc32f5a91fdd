"""A space in which a copy stays near although it was mixed with another picture.

It works on reduced pictures, projected on their leading axes (fitted on training pictures alone): what is left out is
mostly noise, so noise hides nothing. Unseen real pictures go through the same search, so a search that finds more in
everything stays calibrated. `crops` holds that for pictures that were cut out or moved.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from evaluation.ml.nearest import Measure, Rows
from evaluation.ml.symmetry import transform

Small = npt.NDArray[np.float32]
MIXTURE_AXES = 96
# How many nearest pictures are tried as the main part of a mixture, and the least it may weigh.
PARTNERS = 6
LEAST_WEIGHT = 0.5
_QUERIES = 256
_RANK_TOLERANCE = 1e-6  # of sums in float32


def leading_axes(rows: Small, count: int) -> tuple[Small, Small]:
    """Mean ``(d,)`` and leading axes ``(d, <= count)`` of rows ``(n, d)``.

    Directions in which the rows do not differ are left out: which of them came first would be chance.
    """
    mean = rows.mean(axis=0)
    lengths, axes = np.linalg.eigh(((rows - mean).T @ (rows - mean)).astype(np.float64))
    rank = int((lengths > lengths[-1] * _RANK_TOLERANCE).sum()) or count  # none where all rows are equal
    return mean, np.ascontiguousarray(axes[:, ::-1][:, : min(count, rank)], dtype=np.float32)


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
