"""Intervals for shares and medians of independent draws."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share (Wilson 1927)."""
    z = float(stats.norm.ppf(0.5 + level / 2.0))
    share, scale = hits / n, 1.0 + z * z / n
    centre = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return (0.0 if hits == 0 else low), (1.0 if hits == n else high)


def median_interval(values: npt.NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Order statistics that hold the median of independent draws with at least this probability, if n allows."""
    ordered, n = np.sort(values), len(values)
    below = int(stats.binom.ppf((1.0 - level) / 2.0, n, 0.5))
    low = max(below - 1, 0)
    return float(ordered[low]), float(ordered[n - 1 - low])
