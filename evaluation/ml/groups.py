"""Groups (patients, slides, blocks) are the independent units; images within one are not.

Everything that leaves out, permutes or halves does it to whole groups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


def unit_counts(groups: Codes) -> npt.NDArray[np.float64]:
    """Images in each group, ``(G,)``, for codes 0 … G-1."""
    return np.bincount(groups).astype(np.float64)


def unit_sums(values: npt.NDArray[np.floating | np.bool_], groups: Codes) -> npt.NDArray[np.float64]:
    """Sum of one value per image over each group, ``(G,)``."""
    return np.bincount(groups, weights=values).astype(np.float64)


def unit_means(values: npt.NDArray[np.floating | np.bool_], groups: Codes) -> npt.NDArray[np.float64]:
    """Mean of one value per image over each group, ``(G,)``."""
    return unit_sums(values, groups) / unit_counts(groups)


def recode(groups: Codes) -> Codes:
    """The same partition with codes 0 … G-1."""
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def rows_of_half(groups: Codes, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Rows of a random half (rounded up) of the groups, whole groups only."""
    count = int(groups.max()) + 1
    chosen = rng.permutation(count)[: (count + 1) // 2]
    return np.flatnonzero(np.isin(groups, chosen))


def draw_rows(rows: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """`size` of `rows` without replacement, in ascending order; all of them where `size` is their number."""
    if size >= len(rows):
        return np.sort(rows)
    return np.sort(rng.choice(rows, size=size, replace=False))


def all_single(groups: Codes) -> bool:
    """Whether every group holds exactly one image."""
    return len(groups) == int(groups.max()) + 1


def jackknife_se(left_out: npt.NDArray[np.float64]) -> float:
    """Standard error from the statistic with each of G units left out: sqrt((G-1)/G · Σ(θ₍g₎ - θ̄)²)."""
    count = len(left_out)
    if count < 2:
        return float("nan")
    return float(np.sqrt((count - 1) / count * np.square(left_out - left_out.mean()).sum()))
