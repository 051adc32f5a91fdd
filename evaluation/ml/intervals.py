"""Intervals for shares and medians of independent draws."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.ml.groups import Codes, unit_sums


def wilson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share (Wilson 1927)."""
    z = float(stats.norm.ppf(0.5 + level / 2.0))
    share, scale = hits / n, 1.0 + z * z / n
    centre = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return (0.0 if hits == 0 else low), (1.0 if hits == n else high)


def grouped_share_interval(hits: npt.NDArray[np.bool_], groups: Codes) -> tuple[float, float]:
    """Wilson interval of a share of images, at the number of independent images they are worth.

    The share's variance over whole groups tells that number (Kish's effective sample size); where the share is 0 or 1
    there is no variance, and each group counts once.

    Args:
        hits: ``(n,)``.
        groups: ``(n,)`` codes 0 … G-1.
    """
    n, share, count = len(hits), float(hits.mean()), int(groups.max()) + 1
    worth = float(count)
    if 0.0 < share < 1.0 and count > 1:
        sums = unit_sums(hits - share, groups)
        variance = count / (count - 1) * float(np.square(sums).sum()) / n**2
        worth = min(float(n), max(1.0, share * (1.0 - share) / variance)) if variance > 0 else float(n)
    return wilson(share * worth, worth)


def median_interval(values: npt.NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Order statistics that hold the median of independent draws with at least this probability, if n allows."""
    ordered, n = np.sort(values), len(values)
    below = int(stats.binom.ppf((1.0 - level) / 2.0, n, 0.5))
    low = max(below - 1, 0)
    return float(ordered[low]), float(ordered[n - 1 - low])
