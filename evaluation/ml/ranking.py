"""Area under the ROC curve with an interval over whole groups.

An area is a mean over pairs; its influence function (what each image adds to its error, DeLong et al. 1988) is summed
over groups before it is squared (Obuchowski 1997), so tiles of one slide count as one slide. Differences of areas over
the same test images are differences of influences: the interval is paired.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.ml.groups import Codes, recode, unit_sums

Rows = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def area(scores: Rows, positive: Flags) -> tuple[float, Rows]:
    """The area under the curve, ties counted half, and each image's influence on it.

    Args:
        scores: ``(n,)``, higher meaning more positive.
        positive: ``(n,)``; at least one image on either side.

    Returns:
        The area and ``(n,)`` influences that sum to zero on either side.
    """
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    placement = np.empty(len(scores))
    placement[positive] = _share_below(scores[positive], below)
    placement[~positive] = 1.0 - _share_below(scores[~positive], above)
    value = float(placement[positive].mean())
    counts = np.where(positive, len(above), len(below))
    return value, (placement - value) / counts


def _share_below(scores: Rows, ordered: Rows) -> Rows:
    left, right = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    return np.asarray((left + right) / (2.0 * len(ordered)))


def clustered_se(influence: Rows, groups: Codes) -> float:
    """Standard error from influences summed over groups; NaN for a single group."""
    sums = unit_sums(influence, recode(groups))
    count = len(sums)
    return float(np.sqrt(count / (count - 1) * np.square(sums).sum())) if count > 1 else float("nan")


def reach(se: float, groups: int, level: float = 0.95) -> float:
    """Half the width of an interval, by Student's t.

    Where every placement is the same (all right, or all equal) the error seems to be zero; the rule of three says what
    such a sample still allows: 3/groups.
    """
    if se > 0.0:
        return float(stats.t.ppf(0.5 + level / 2.0, groups - 1)) * se
    return min(1.0, 3.0 / groups)
