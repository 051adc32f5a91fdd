"""Near duplicates under the eight flips and turns, by the low frequencies of the cosine transform.

A picture's fingerprint is the upper left 16 × 16 of the orthonormal DCT of its 32 × 32 grey reduction. A flip only
changes signs of odd coefficients and a diagonal flip transposes them, so one fingerprint serves all eight symmetries.
Two pictures are near duplicates when, under their best symmetry, the coarse parts correlate at least `COARSE` and the
finer parts at least `FINE`. The second keeps apart what merely looks alike (two chests, two brains): those agree in
outline, not in texture. Pictures without texture need a coarse correlation of `SMOOTH`.

The search is exact and fast: per pair of mirrored coefficients, the length sqrt(c_ij² + c_ji²) does not change under
any symmetry, and distances between these lengths never exceed the distance between the pictures. So a k-d tree over
them finds every candidate, and only candidates are compared.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from scipy.spatial import cKDTree

COARSE = 0.98
FINE = 0.5
SMOOTH = 0.998

_REDUCED = 32
_KEPT = 16
_LOW = 8
_TEXTURE = 1e-4  # share of energy in the finer part below which there is nothing to compare
_CHUNK = 256
_RADIUS = float(np.sqrt(2 * (1 - COARSE))) + 1e-4

Fingerprint = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Picture `second` looks like the earlier picture `first`, most of all those in `all_first`."""

    first: int
    second: int
    correlation: float
    all_first: tuple[int, ...] = ()


def fingerprint(grey: NDArray[np.float32]) -> Fingerprint:
    """(16, 16) cosine coefficients without the mean, scaled so that the coarse part has length 1.

    Args:
        grey: (h, w), 0 … 1.
    """
    small = np.asarray(Image.fromarray(grey).resize((_REDUCED, _REDUCED), Image.Resampling.BOX), np.float32)
    kept = np.array(dctn(small, norm="ortho")[:_KEPT, :_KEPT], np.float32)
    kept[0, 0] = 0
    return np.asarray(kept / max(float(np.linalg.norm(kept[:_LOW, :_LOW])), 1e-9), np.float32)


def find_near(
    prints: Sequence[Fingerprint],
    groups: Sequence[Hashable],
    known: int = 0,
    dropped: Container[int] = frozenset(),
) -> Iterator[NearDuplicate]:
    """Find pictures that look like an earlier one of **another** group.

    Pictures of one group may look alike or overlap: they never part anyway.

    Args:
        prints: in the order of preference; the earlier one stays.
        groups: the group of each.
        known: so many at the start are there already and are not compared with each other.
        dropped: pictures that no longer count. Asked again at each step, so that the caller may add to it on the
            way: what looks like a dropped picture only is no duplicate.

    Yields:
        For each later picture its best match among earlier pictures.
    """
    if len(prints) < 2:
        return
    table = np.stack(prints)
    lengths = _invariants(table)
    tree = cKDTree(lengths)
    for start in range(known, len(prints), _CHUNK):
        for offset, found in enumerate(tree.query_ball_point(lengths[start : start + _CHUNK], _RADIUS)):
            second = start + offset
            earlier = [
                index
                for index in found
                if index < second and groups[index] != groups[second] and index not in dropped
            ]
            if match := _best(table, second, earlier):
                yield match


def find_alike(
    prints: Sequence[Fingerprint], groups: Sequence[Hashable], asked: Sequence[int]
) -> Iterator[tuple[int, list[int]]]:
    """Find everything of other groups that some pictures look like.

    Args:
        prints: all pictures.
        groups: the group of each.
        asked: which of them to ask about.

    Yields:
        Each of `asked` with the pictures that it looks like, in their order.
    """
    if len(prints) < 2 or not asked:
        return
    table = np.stack(prints)
    lengths = _invariants(table)
    tree = cKDTree(lengths)
    for one in asked:
        found = sorted(
            index
            for index in tree.query_ball_point(lengths[one], _RADIUS)
            if index != one and groups[index] != groups[one]
        )
        alike = compare(table[one], table[found]) if found else ()
        yield one, [index for index, value in zip(found, alike, strict=True) if value > 0]


def _best(table: Fingerprint, second: int, earlier: Sequence[int]) -> NearDuplicate | None:
    if not earlier:
        return None
    order = sorted(earlier)
    alike = compare(table[second], table[order])
    at = int(np.argmax(alike))
    if alike[at] <= 0:
        return None
    all_first = tuple(index for index, value in zip(order, alike, strict=True) if value > 0)
    return NearDuplicate(order[at], second, float(alike[at]), all_first)


def compare(one: Fingerprint, others: Fingerprint) -> NDArray[np.float32]:
    """Correlation of the coarse parts under the best symmetry; 0 where it is no near duplicate.

    Args:
        one: (16, 16).
        others: (n, 16, 16).

    Returns:
        (n,) each 0 or at least `COARSE`.
    """
    views = np.stack(list(symmetries(one)))  # (8, 16, 16)
    low = (slice(None), slice(_LOW), slice(_LOW))
    correlations = views[low].reshape(8, -1) @ others[low].reshape(len(others), -1).T  # (8, n)
    best = correlations.argmax(axis=0)
    coarse = correlations[best, np.arange(len(others))]
    alike = np.zeros(len(others), np.float32)
    close = np.flatnonzero(coarse >= COARSE)
    fine, fine_others = _finer(views)[best[close]], _finer(others[close])
    energy, energy_others = (fine**2).sum(axis=1), (fine_others**2).sum(axis=1)
    texture = (fine * fine_others).sum(axis=1) / np.sqrt(np.maximum(energy * energy_others, 1e-20))
    smooth = np.minimum(energy, energy_others) < _TEXTURE
    confirmed = close[np.where(smooth, coarse[close] >= SMOOTH, texture >= FINE)]
    alike[confirmed] = coarse[confirmed]
    return alike


def symmetries(print_: Fingerprint) -> Iterator[Fingerprint]:
    """The fingerprints of the picture's eight flips and turns."""
    odd = np.where(np.arange(_KEPT) % 2, -1, 1).astype(np.float32)
    even = np.ones(_KEPT, np.float32)
    for view, rows, columns in product((print_, print_.T), (even, odd), (even, odd)):
        yield view * rows[:, None] * columns[None, :]


def _finer(prints: Fingerprint) -> Fingerprint:
    """(n, 256) what lies beyond the coarse part."""
    rest = prints.copy()
    rest[:, :_LOW, :_LOW] = 0
    return rest.reshape(len(rest), _KEPT * _KEPT)


def _invariants(table: Fingerprint) -> NDArray[np.float32]:
    """(n, 36) lengths that no symmetry changes."""
    low = table[:, :_LOW, :_LOW]
    rows, columns = np.triu_indices(_LOW)
    mirrored = np.where(rows == columns, 0, low[:, columns, rows])
    return np.hypot(low[:, rows, columns], mirrored)
