"""Nearest real images: the spaces in which pictures have distances, and how far sets are from each other.

Pixels see equal and mirrored pictures, features see changes of colour; `crops` and `disguises` hold those that see through
cutting and mixing. Distances are taken block by block, so memory does not grow with the product of the sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evaluation.ml.groups import Codes
from evaluation.ml.prdc import squared_distances
from evaluation.ml.symmetry import transform

Rows = npt.NDArray[np.float64]
Measure = Callable[[npt.NDArray[np.generic]], Rows]
_CHUNK = 256
_BLOCK = 8192
# Side of the blocks of an outline, and by how much a rough distance may be too large: it is a float32.
_COARSE = 4
_ROUNDING = 0.5


class Space(Protocol):
    """Something in which pictures have distances; `unit` says what one is."""

    name: str
    unit: str

    def distances_to(self, targets: npt.NDArray[np.generic]) -> Measure:
        """Make targets ready once: the answer maps ``(n, …)`` queries to ``(n, m)`` distances."""
        ...


class FeatureSpace:
    """Euclidean distance between feature rows ``(n, d)``."""

    name = "features"
    unit = "feature distance"

    def distances_to(self, targets: npt.NDArray[np.generic]) -> Measure:
        """Distances to ``(m, d)`` rows."""
        rows = np.asarray(targets, dtype=np.float64)
        return lambda queries: np.sqrt(squared_distances(np.asarray(queries, dtype=np.float64), rows))


class PixelSpace:
    """Root mean square grey-level difference of reduced pictures ``(n, t, t, 3)``, least over the symmetries."""

    name = "pixels"
    unit = "grey levels (root mean square)"

    def __init__(self, symmetries: tuple[str, ...]) -> None:
        self._symmetries = symmetries

    def distances_to(self, targets: npt.NDArray[np.generic]) -> Measure:
        """Distances to ``(m, t, t, 3)``; the largest inner product over the symmetries is the least distance."""
        flat = _centred(targets)
        lengths = np.square(flat).sum(axis=1)

        def measure(queries: npt.NDArray[np.generic]) -> Rows:
            best = np.full((len(queries), len(flat)), -np.inf, dtype=np.float32)
            for name in self._symmetries:
                np.maximum(best, _centred(transform(queries, name)) @ flat.T, out=best)
            squares = np.square(_centred(queries)).sum(axis=1)[:, None] + lengths[None, :]
            return np.asarray(
                np.sqrt(np.maximum(squares - 2.0 * best, 0.0).astype(np.float64) / flat.shape[1])
            )

        return measure

    def match(
        self, queries: npt.NDArray[np.uint8], targets: npt.NDArray[np.uint8]
    ) -> tuple[Rows, npt.NDArray[np.str_]]:
        """Distance of each of ``(n, t, t, 3)`` queries to the target beside it without rounding loss, ``(n,)``.

        Returns:
            the distances, and the symmetries that give them.
        """
        names = np.array(self._symmetries)
        least = np.full(len(queries), np.inf)
        found = np.zeros(len(queries), dtype=np.int64)
        for at, name in enumerate(names):
            apart = transform(queries, name).astype(np.int32) - targets
            mean = np.square(apart).mean(axis=(1, 2, 3), dtype=np.float64)
            found[mean < least] = at
            least = np.minimum(least, mean)
        return np.sqrt(least), names[found]


def _centred(pictures: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """``(n, t·t·3)`` float32 around mid-grey: less cancellation than around black."""
    return pictures.reshape(len(pictures), -1).astype(np.float32) - np.float32(127.5)


@dataclass(frozen=True)
class Reach:
    """How far each picture is from the training set and from each reference group.

    Shapes: `to_training` and `nearest` (n,), the latter rows of the training set; `to_groups` (n, G).
    """

    to_training: Rows
    nearest: npt.NDArray[np.int64]
    to_groups: Rows


class Reacher:
    """Both real sets made ready once, for any number of queries."""

    def __init__(
        self,
        space: Space,
        training: npt.NDArray[np.generic],
        reference: npt.NDArray[np.generic],
        groups: Codes,
    ) -> None:
        """As `reach`."""
        self._to_training = space.distances_to(training)
        self._to_groups = _group_measure(space, reference, groups)

    def reach(self, queries: npt.NDArray[np.generic], own: Codes | None = None) -> Reach:
        """As the function of this name."""
        to_training, nearest, by_group = [], [], []
        for at in range(0, len(queries), _CHUNK):
            part = queries[at : at + _CHUNK]
            distances = self._to_training(part)
            nearest.append(distances.argmin(axis=1))
            to_training.append(distances.min(axis=1))
            by_group.append(self._to_groups(part))
        to_groups = np.concatenate(by_group)
        if own is not None:
            to_groups[np.arange(len(own)), own] = np.inf
        return Reach(np.concatenate(to_training), np.concatenate(nearest).astype(np.int64), to_groups)


def reach(
    space: Space,
    queries: npt.NDArray[np.generic],
    training: npt.NDArray[np.generic],
    reference: npt.NDArray[np.generic],
    groups: Codes,
    own: Codes | None = None,
) -> Reach:
    """Measure pictures against the training set and each group of the reference set.

    Args:
        space: where distances are taken.
        queries: ``(n, …)`` pictures in the space's form.
        training: ``(n_training, …)`` likewise.
        reference: ``(n_reference, …)`` likewise.
        groups: ``(n_reference,)`` codes 0 … G-1.
        own: for reference pictures themselves: their group, to which the distance is infinite by definition.
    """
    return Reacher(space, training, reference, groups).reach(queries, own)


def group_distances(
    space: Space, queries: npt.NDArray[np.generic], pictures: npt.NDArray[np.generic], groups: Codes
) -> Iterator[Rows]:
    """Distance of each query to the nearest picture of each group, ``(<= chunk, G)`` at a time."""
    measure = _group_measure(space, pictures, groups)
    for at in range(0, len(queries), _CHUNK):
        yield measure(queries[at : at + _CHUNK])


def _group_measure(space: Space, pictures: npt.NDArray[np.generic], groups: Codes) -> Measure:
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(int(groups.max()) + 1))
    measure = space.distances_to(pictures[order])
    return lambda queries: np.minimum.reduceat(measure(queries), starts, axis=1)


def nearest_distances(
    space: Space, queries: npt.NDArray[np.generic], targets: npt.NDArray[np.generic]
) -> Rows:
    """Distance of each query to the nearest target, ``(n,)``; block by block over the larger side."""
    found = np.full(len(queries), np.inf)
    for at in range(0, len(targets), _BLOCK):
        measure = space.distances_to(targets[at : at + _BLOCK])
        for row in range(0, len(queries), _CHUNK):
            part = slice(row, row + _CHUNK)
            found[part] = np.minimum(found[part], measure(queries[part]).min(axis=1))
    return found


def outlines(pictures: npt.NDArray[np.uint8]) -> Rows:
    """Means over blocks of 4×4 pixels: in `PixelSpace` never farther apart than the ``(n, t, t, c)`` pictures are."""
    n, side, _, channels = pictures.shape
    blocks = pictures.reshape(n, side // _COARSE, _COARSE, side // _COARSE, _COARSE, channels)
    return np.asarray(blocks.sum(axis=(2, 4), dtype=np.uint32) / float(_COARSE**2))


def near_pairs(
    space: Space,
    pictures: npt.NDArray[np.generic],
    closer_than: float,
    shortlist: npt.NDArray[np.generic] | None = None,
) -> npt.NDArray[np.int64]:
    """All pairs of different pictures of one set below a distance, ``(k, 2)`` with the smaller row first.

    Args:
        space: where distances are taken.
        pictures: ``(n, …)`` in the space's form.
        closer_than: the distance.
        shortlist: ``(n, …)`` smaller forms of the pictures that are never farther apart in the space than they are:
            pictures are compared only where these are near.
    """
    rough = pictures if shortlist is None else shortlist
    found = [np.empty((0, 2), dtype=np.int64)]
    measure = space.distances_to(rough)
    for at in range(0, len(pictures), _CHUNK):
        near = np.triu(measure(rough[at : at + _CHUNK]) < closer_than + _ROUNDING, at + 1)
        rows, others = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if not len(rows):
            continue
        close = space.distances_to(pictures[others])(pictures[at + rows]) < closer_than
        first, second = np.nonzero(close & near[np.ix_(rows, others)])
        found.append(np.stack([rows[first] + at, others[second]], axis=1))
    return np.concatenate(found)
