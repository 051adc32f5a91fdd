"""How well the middle of a picture is found inside others: moved, enlarged up to a quarter, mirrored or turned.

In two steps. A coarse grid of windows, projected on leading axes (fitted on training pictures alone), tells in which few
pictures, where and how large the middle lies most likely; there it is laid over to a fraction of a pixel. The
distance is what is left then: hardly anything for a cut-out copy, and what two pictures differ by for any other. Unseen
real pictures go through the same search, so a search that finds more in everything stays calibrated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt
from PIL import Image

from evaluation.ml.disguises import Small, leading_axes
from evaluation.ml.groups import Codes
from evaluation.ml.nearest import Reach, Rows
from evaluation.ml.registration import POINTS, Ground, Index, lay_over, middle_of, smoothed
from evaluation.ml.symmetry import transform

# Windows are compared at this side: coarse enough that half a step of the grid hardly matters.
WINDOW_SIDE = 8
# The middle part of a picture that is looked for in others, and the sizes it may have there (shares of the side).
MIDDLE = 0.75
SIZES = (0.75, 0.675, 0.6)
# Step of the grid of windows, in pixels of the reduced picture.
STEP = 2.0
WINDOW_AXES = 48
# In so many pictures of the training set, and groups of the reference set, the middle is laid over. A synthetic picture
# gets one group more than a real one: without any group it keeps as many as a real one of that group has.
TRIED = 2
# Targets whose windows are searched at once: their distances stay in the processor's cache until the least is taken.
_TARGETS = 8
_QUERIES = 256


class CropReacher:
    """Both real sets made ready once, for any number of queries; as `nearest.Reacher`, in two steps."""

    def __init__(
        self,
        training: npt.NDArray[np.uint8],
        reference: npt.NDArray[np.uint8],
        groups: Codes,
        symmetries: tuple[str, ...],
    ) -> None:
        """Pictures ``(n, t, t, 3)``; `groups` are those of the reference set, codes 0 … G-1."""
        self._space = CropSpace(training, symmetries)
        self._training = self._space.targets(training)
        self._reference = self._space.targets(reference)
        self._groups = groups

    def reach(self, queries: npt.NDArray[np.uint8], own: Codes | None = None) -> Reach:
        """Distances of pictures; but to the nearest groups, those to groups of the reference set are infinite.

        Args:
            queries: ``(n, t, t, 3)``.
            own: for reference pictures themselves: their group, to which the distance is infinite by definition.
        """
        parts = [
            self._reach(queries[at : at + _QUERIES], None if own is None else own[at : at + _QUERIES])
            for at in range(0, len(queries), _QUERIES)
        ]
        return Reach(*(np.concatenate(found) for found in zip(*parts, strict=True)))

    def _reach(
        self, queries: npt.NDArray[np.uint8], own: Codes | None
    ) -> tuple[Rows, npt.NDArray[np.int64], Rows]:
        forms = Forms(queries, self._space)
        rough = self._training.distances(forms)
        near = _least_columns(rough, TRIED)
        fine = self._training.lay_over(forms, near)
        best = fine.argmin(axis=1)
        row = np.arange(len(queries))
        return fine[row, best], near[row, best], self._to_groups(forms, own)

    def _to_groups(self, forms: Forms, own: Codes | None) -> Rows:
        rough = self._reference.distances(forms)
        if own is not None:
            rough[self._groups[None, :] == own[:, None]] = np.inf
        count = int(self._groups.max()) + 1
        order = np.argsort(self._groups, kind="stable")
        starts = np.searchsorted(self._groups[order], np.arange(count))
        by_group = np.minimum.reduceat(rough[:, order], starts, axis=1)
        near = _least_columns(by_group, TRIED + (own is None))
        masked = [
            np.where(self._groups[None, :] == near[:, at : at + 1], rough, np.inf)
            for at in range(near.shape[1])
        ]
        pictures = np.stack([found.argmin(axis=1) for found in masked], axis=1)
        to_groups = np.full(by_group.shape, np.inf)
        np.put_along_axis(to_groups, near, self._reference.lay_over(forms, pictures), axis=1)
        if own is not None:
            to_groups[np.arange(len(own)), own] = np.inf
        return to_groups


def _least_columns(distances: Rows, count: int) -> Index:
    """Columns of the least distances of each row, ``(n, <= count)``, the least first."""
    kept = min(count, distances.shape[1])
    near = np.argpartition(distances, kept - 1, axis=1)[:, :kept]
    order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(near, order, axis=1), dtype=np.int64)


class CropSpace:
    """The grid of windows, and the axes on which they are compared."""

    def __init__(self, training: npt.NDArray[np.uint8], symmetries: tuple[str, ...]) -> None:
        self.symmetries = symmetries
        self.windows = window_grid(training.shape[1])
        sample = np.concatenate(list(_cuts(training, self.windows[::5])))
        self._mean, self._axes = leading_axes(sample, WINDOW_AXES)

    @property
    def scale(self) -> float:
        """By which sums of squares on the axes become means over pixels."""
        return float(len(self._mean))

    def project(self, rows: Small) -> Small:
        """Rows of pixels on the leading axes."""
        return np.asarray((rows - self._mean) @ self._axes)

    def targets(self, pictures: npt.NDArray[np.uint8]) -> CropTargets:
        """Pictures in which others are looked for."""
        return CropTargets(pictures, self)


class Forms:
    """Pictures under each symmetry: their middle on the axes, ``(n, a)`` each, and as they are laid over others."""

    def __init__(self, pictures: npt.NDArray[np.uint8], space: CropSpace) -> None:
        side = pictures.shape[1]
        middle = (side * (1 - MIDDLE) / 2, side * (1 - MIDDLE) / 2, side * MIDDLE)
        turned = [transform(pictures, name) for name in space.symmetries]
        self.rough = [space.project(next(_cuts(form, [middle]))) for form in turned]
        # The points lie evenly around the centre, so that turning them is turning the picture.
        points = middle_of(smoothed(pictures), MIDDLE).reshape(len(pictures), POINTS, POINTS, 3)
        fine = [transform(points, name).reshape(len(pictures), -1, 3) for name in space.symmetries]
        self.fine = np.stack(fine)  # (symmetries, n, points, 3)


class CropTargets:
    """Pictures ``(m, t, t, 3)`` in which the middle of others is looked for."""

    def __init__(self, pictures: npt.NDArray[np.uint8], space: CropSpace) -> None:
        windows = np.stack([space.project(cut) for cut in _cuts(pictures, space.windows)], axis=1)
        # |q - w|² = |q|² + (-2w, |w|²)·(q, 1): one matrix product gives all but |q|².
        self._folded = np.concatenate([-2.0 * windows, np.square(windows).sum(axis=2, keepdims=True)], axis=2)
        self._windows = np.array(space.windows, dtype=np.float32)
        self._scale = space.scale
        self._ground = Ground.of(pictures)

    def distances(self, forms: Forms) -> Rows:
        """Of each picture's middle to the best window of each target on the grid, under the best symmetry, ``(n, m)``."""
        squares = np.full((len(forms.rough[0]), len(self._folded)), np.inf, dtype=np.float32)
        for seen in forms.rough:
            found = _least(seen, self._folded) + np.square(seen).sum(axis=1, keepdims=True)
            np.minimum(squares, found, out=squares)
        return np.asarray(np.sqrt(np.maximum(squares, 0.0).astype(np.float64) / self._scale))

    def lay_over(self, forms: Forms, targets: Index) -> Rows:
        """Distance of each picture's middle to each of its targets ``(n, k)``, to a fraction of a pixel, ``(n, k)``."""
        rows, flat = np.repeat(np.arange(len(targets)), targets.shape[1]), targets.ravel()
        window, symmetry = self._starts(forms, rows, flat)
        found = lay_over(forms.fine[symmetry, rows], self._ground, flat, self._windows[window])
        return np.asarray(found.reshape(targets.shape))

    def _starts(self, forms: Forms, rows: Index, targets: Index) -> tuple[Index, Index]:
        """The best window of the grid and the symmetry that fits it, for each pair of a picture and a target."""
        found = np.empty((len(forms.rough), len(rows)), dtype=np.float32)
        window = np.empty((len(forms.rough), len(rows)), dtype=np.int64)
        for at in range(0, len(rows), _QUERIES):
            chunk = slice(at, at + _QUERIES)
            folded = self._folded[targets[chunk]]  # (k, windows, a + 1)
            for form, seen in enumerate(forms.rough):
                own = _extended(seen[rows[chunk]])[:, :, None]
                apart = (folded @ own)[:, :, 0] + np.square(seen[rows[chunk]]).sum(axis=1, keepdims=True)
                window[form, chunk], found[form, chunk] = apart.argmin(axis=1), apart.min(axis=1)
        symmetry = found.argmin(axis=0)
        return window[symmetry, np.arange(len(rows))], symmetry


def _extended(seen: Small) -> Small:
    return np.concatenate([seen, np.ones((len(seen), 1), dtype=np.float32)], axis=1)


def _least(seen: Small, folded: Small) -> Small:
    """Over the windows of each target, the least of (q, 1)·(-2w, |w|²): ``(n, m)``."""
    extended = _extended(seen)
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
