"""Kernel distance (KID): unbiased squared MMD with k(x, y) = (x·y/d + 1)³, the unit being the group.

The full U-statistic over all images, no subsets. Pairs of images from one group are left out of the within-set means:
they are alike for another reason than the distribution, and would bias the distance upwards. With one image
to a group this is the ordinary U-statistic.

Kernel: Bińkowski et al. 2018. Two-sample U-statistic: Gretton et al. 2012, eq. 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.ml.groups import Codes, jackknife_se, unit_counts, unit_sums

Rows = npt.NDArray[np.float64]
_CHUNK = 1024
# Kernel values held at once: memory stays flat however large the sets are.
_MAX_BLOCK = 1 << 22


@dataclass(frozen=True)
class Within:
    """Sums of the kernel inside one set over pairs from different groups, by group."""

    off: Rows  # (G,) Σ over the group's images i and all j outside the group of k(i, j)
    counts: Rows  # (G,) images in each group

    @property
    def mean(self) -> float:
        """Mean over pairs from different groups."""
        return float(self.off.sum() / _pairs(self.counts))

    def means_without_each(self) -> Rows:
        """The mean with each group left out in turn, ``(G,)``."""
        n, squares = self.counts.sum(), np.square(self.counts).sum()
        pairs = np.square(n - self.counts) - (squares - np.square(self.counts))
        return np.asarray((self.off.sum() - 2.0 * self.off) / pairs)


@dataclass(frozen=True)
class Distance:
    """A kernel distance with its jackknife interval."""

    value: float
    se: float | None
    low: float | None
    high: float | None


def kernel(x: Rows, y: Rows) -> Rows:
    """``(n, m)`` matrix of (x·y/d + 1)³."""
    base = x @ y.T
    base /= x.shape[1]
    base += 1.0
    return np.asarray(base * base * base)


def _parts(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, min(_CHUNK, _MAX_BLOCK // max(1, columns)))
    return (slice(start, start + step) for start in range(0, rows, step))


def _pairs(counts: Rows) -> float:
    return float(np.square(counts.sum()) - np.square(counts).sum())


def within(x: Rows, groups: Codes) -> Within:
    """Kernel sums inside ``(n, d)`` features, chunk by chunk.

    Raises:
        ValueError: fewer than two groups: there is no pair of independent images.
    """
    counts = unit_counts(groups)
    if len(counts) < 2:
        raise ValueError("a set of one group has no independent pair")
    off = np.empty(len(x))
    for part in _parts(len(x), len(x)):
        block = kernel(x[part], x)
        block[groups[part, None] == groups[None, :]] = 0.0
        off[part] = block.sum(axis=1)
    return Within(unit_sums(off, groups), counts)


def cross_sums(x: Rows, y: Rows) -> tuple[Rows, Rows]:
    """Row sums ``(n,)`` and column sums ``(m,)`` of the kernel between two sets."""
    rows, columns = np.empty(len(x)), np.zeros(len(y))
    for part in _parts(len(x), len(y)):
        block = kernel(x[part], y)
        rows[part] = block.sum(axis=1)
        columns += block.sum(axis=0)
    return rows, columns


def kernel_distance(x: Rows, x_groups: Codes, y: Rows, y_groups: Codes, level: float = 0.95) -> Distance:
    """KID of two sets and a two-sample jackknife interval that leaves out whole groups.

    Args:
        x: ``(n, d)`` float64 features.
        x_groups: ``(n,)`` codes 0 … G-1.
        y: ``(m, d)`` float64 features.
        y_groups: ``(m,)`` codes.
        level: coverage of the interval, by Student's t with (smaller number of groups - 1) degrees of freedom.

    Returns:
        The distance; no interval where a side has fewer than three groups.

    Raises:
        ValueError: a side has fewer than two groups.
    """
    in_x, in_y = within(x, x_groups), within(y, y_groups)
    rows, columns = cross_sums(x, y)
    n, m, total = len(x), len(y), rows.sum()
    value = in_x.mean + in_y.mean - 2.0 * total / (n * m)
    fewest = min(len(in_x.counts), len(in_y.counts))
    if fewest < 3:
        return Distance(float(value), None, None, None)
    without_x = in_x.means_without_each() + in_y.mean
    without_x -= 2.0 * (total - unit_sums(rows, x_groups)) / ((n - in_x.counts) * m)
    without_y = in_y.means_without_each() + in_x.mean
    without_y -= 2.0 * (total - unit_sums(columns, y_groups)) / ((m - in_y.counts) * n)
    se = float(np.hypot(jackknife_se(without_x), jackknife_se(without_y)))
    reach = float(stats.t.ppf(0.5 + level / 2.0, fewest - 1)) * se
    return Distance(float(value), se, float(value - reach), float(value + reach))


def plain_distance(x: Rows, y: Rows) -> float:
    """The ordinary U-statistic, every image a unit: what other tools print."""
    singles_x, singles_y = np.arange(len(x)), np.arange(len(y))
    rows, _ = cross_sums(x, y)
    return within(x, singles_x).mean + within(y, singles_y).mean - 2.0 * float(rows.mean()) / len(y)


def group_null(pooled: Rows, groups: Codes, first: int, permutations: int, rng: np.random.Generator) -> Rows:
    """KID between two parts of one pool when whole groups are dealt out at random.

    Args:
        pooled: ``(n, d)`` features of both sets.
        groups: ``(n,)`` codes 0 … U-1 over the pool.
        first: how many groups go to the first part.
        permutations: how many random deals; where there are fewer distinct ones, each is taken exactly once.
        rng: draws the deals.

    Returns:
        The null values; empty where a part would have fewer than two groups.
    """
    counts = unit_counts(groups)
    units = len(counts)
    if first < 2 or units - first < 2:
        return np.empty(0)
    sums = _unit_kernel(pooled, groups)
    deals = _deals(units, first, permutations, rng)  # (P, U) of 0 and 1
    others = 1.0 - deals
    return np.asarray(
        _dealt_within(sums, counts, deals)
        + _dealt_within(sums, counts, others)
        - 2.0 * ((deals @ sums) * others).sum(axis=1) / ((deals @ counts) * (others @ counts))
    )


def _unit_kernel(rows: Rows, groups: Codes) -> Rows:
    """``(U, U)`` sums of the kernel between groups, the diagonal (pairs inside a group) emptied."""
    units = int(groups.max()) + 1
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(units))
    ordered = rows[order]
    by_column = np.concatenate(
        [
            np.add.reduceat(kernel(ordered[part], ordered), starts, axis=1)
            for part in _parts(len(rows), len(rows))
        ]
    )
    sums = np.add.reduceat(by_column, starts, axis=0)
    np.fill_diagonal(sums, 0.0)
    return np.asarray(sums)


def _deals(units: int, first: int, permutations: int, rng: np.random.Generator) -> Rows:
    if comb(units, first) <= permutations:
        chosen = np.array(list(combinations(range(units), first)))
    else:
        chosen = np.argsort(rng.random((permutations, units)), axis=1)[:, :first]
    deals = np.zeros((len(chosen), units))
    np.put_along_axis(deals, chosen, 1.0, axis=1)
    return deals


def _dealt_within(sums: Rows, counts: Rows, deals: Rows) -> Rows:
    pairs = np.square(deals @ counts) - deals @ np.square(counts)
    return np.asarray(((deals @ sums) * deals).sum(axis=1) / pairs)


def upper_p(value: float, null: Rows) -> float | None:
    """Share of the null at or above the value, the value counted: never below 1/(B + 1)."""
    return float((1 + np.count_nonzero(null >= value)) / (len(null) + 1)) if len(null) else None
