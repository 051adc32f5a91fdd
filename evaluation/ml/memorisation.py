"""Is a synthetic picture nearer to a training picture than an unseen real one would be?

For each picture, q = log(distance to the nearest training image / distance to the nearest reference image). Unseen
real pictures give the null: each reference picture against the training set and the reference set **without its own
group**. The spaces (features, crops, mixtures) are put on one scale by the null's median and lower tail, and the smallest
value is the score, so that one calibrated test covers all of them.

The p-value is conformal with the group as the unit (hierarchical conformal prediction: every group weighs the same,
whatever its size) and cross-fitted: against group g's pictures a synthetic picture is scored with the same
reference set, the one without g. Hence p ≥ 1/(G + 1): with few groups no picture can be called a copy by p. There,
and only there, remains the plain sight of it: a picture at less than half of the smallest ratio of any unseen
real picture in some space is flagged as well.

The whole training set is used, not a subsample as large as the reference set: the null goes through the
same comparison, so it stays calibrated, and no copied image can hide outside the subsample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evaluation.ml.groups import Codes, unit_counts, unit_means
from evaluation.ml.nearest import Reach

Rows = npt.NDArray[np.float64]
# p at or below which a picture is flagged as a copy.
ALPHA = 0.025
# A ratio below this share of the smallest null ratio is flagged whatever p can say.
SEPARATION = 0.5
_TAIL = 0.05
_LEAST_SCALE = 0.02


@dataclass(frozen=True)
class Scores:
    """One row per synthetic picture, shapes (n,).

    `space` indexes the spaces in the order given; `ratio` is the distance ratio there, 1 being the median unseen
    real picture. `p_value` is None where the reference set has fewer than two groups.
    """

    space: npt.NDArray[np.int64]
    ratio: Rows | None
    p_value: Rows | None
    copy: npt.NDArray[np.bool_]
    unseen: (
        npt.NDArray[np.bool_] | None
    )  # (n_reference,) unseen real pictures that the rule flags, each left out
    groups: Codes  # (n_reference,) of those
    unseen_ratio: Rows | None = (
        None  # (n_reference,) the ratio of each unseen real picture, for a plot beside `ratio`
    )

    def only(self, rows: npt.NDArray[np.int64]) -> Scores:
        """The scores of some of the pictures."""
        return replace(
            self,
            space=self.space[rows],
            ratio=None if self.ratio is None else self.ratio[rows],
            p_value=None if self.p_value is None else self.p_value[rows],
            copy=self.copy[rows],
        )

    @property
    def n_groups(self) -> int:
        """Groups that stand behind a p-value."""
        return int(self.groups.max()) + 1

    @property
    def expected_share(self) -> float | None:
        """Share of unseen real pictures that the rule flags; groups weigh the same."""
        return None if self.unseen is None else float(unit_means(self.unseen, self.groups).mean())


@dataclass(frozen=True)
class _Null:
    q: Rows  # (S, n_reference) log ratios of the unseen real pictures
    median: Rows  # (S, 1)
    scale: Rows  # (S, 1)
    floor: Rows  # (S, 1) smallest distance that still counts, against log 0

    def standard(self, q: Rows) -> Rows:
        return np.asarray((q - self.median) / self.scale)


def score_pictures(
    synthetic: Mapping[str, Reach], reference: Mapping[str, Reach], groups: Codes, alpha: float = ALPHA
) -> Scores:
    """Score and flag synthetic pictures.

    Args:
        synthetic: reach of the synthetic pictures, by space.
        reference: reach of the reference pictures, own group infinitely far, by space.
        groups: ``(n_reference,)`` codes 0 … G-1.
        alpha: flagging level.
    """
    spaces = list(synthetic)
    count = int(groups.max()) + 1
    n = len(synthetic[spaces[0]].to_training)
    if count < 2:
        return Scores(np.zeros(n, dtype=np.int64), None, None, np.zeros(n, dtype=bool), None, groups)
    null = _null(
        np.stack([reference[s].to_training for s in spaces]), [reference[s].to_groups for s in spaces]
    )
    null_scores = null.standard(null.q).min(axis=0)
    whole, folds = _folded(null, [synthetic[s] for s in spaces])
    p_value = _conformal_p(folds, null_scores, groups)
    separated = (whole < null.q.min(axis=1, keepdims=True) + np.log(SEPARATION)).any(axis=0)
    return Scores(
        space=null.standard(whole).argmin(axis=0).astype(np.int64),
        ratio=np.exp(_nearer(null, whole)),
        p_value=p_value,
        copy=(p_value <= alpha) | separated,
        unseen=_flagged_unseen(null, null_scores, groups, alpha),
        groups=groups,
        unseen_ratio=np.exp(_nearer(null, null.q)),
    )


def _nearer(null: _Null, q: Rows) -> Rows:
    """Log ratios over the median unseen real picture, each in the space where it stands out the more."""
    space = null.standard(q).argmin(axis=0)
    return np.asarray((q - null.median)[space, np.arange(q.shape[1])])


def _null(to_training: Rows, to_groups: list[Rows]) -> _Null:
    to_reference = np.stack([distances.min(axis=1) for distances in to_groups])
    floor = 1e-3 * np.median(to_reference, axis=1, keepdims=True) + 1e-12
    q = np.log(to_training + floor) - np.log(to_reference + floor)
    median = np.median(q, axis=1, keepdims=True)
    # The spread of the lower tail, where copies would lie: a space with a long tail must not drown the others.
    spread = median - np.quantile(q, _TAIL, axis=1, keepdims=True)
    return _Null(q, median, np.maximum(spread, _LEAST_SCALE), floor)


def _folded(null: _Null, reaches: list[Reach]) -> tuple[Rows, Rows]:
    """Log ratios ``(S, n)`` against all groups, and scores ``(n, G)`` with each group left out."""
    whole, folds = [], None
    for at, found in enumerate(reaches):
        floor, median, scale = null.floor[at, 0], null.median[at, 0], null.scale[at, 0]
        top = np.log(found.to_training + floor)
        two = np.partition(found.to_groups, 1, axis=1)[:, :2]
        first, second = top - np.log(two[:, 0] + floor), top - np.log(two[:, 1] + floor)
        whole.append(first)
        is_nearest = np.arange(found.to_groups.shape[1])[None, :] == found.to_groups.argmin(axis=1)[:, None]
        fold = (np.where(is_nearest, second[:, None], first[:, None]) - median) / scale
        folds = fold if folds is None else np.minimum(folds, fold)
    if folds is None:
        raise ValueError("no space given")
    return np.stack(whole), folds


def _conformal_p(folds: Rows, null_scores: Rows, groups: Codes) -> Rows:
    count = int(groups.max()) + 1
    below = np.zeros(len(folds))
    for group in range(count):
        own = np.sort(null_scores[groups == group])
        below += np.searchsorted(own, folds[:, group], side="right") / len(own)
    return np.asarray((1.0 + below) / (count + 1.0))


def _flagged_unseen(null: _Null, scores: Rows, groups: Codes, alpha: float) -> npt.NDArray[np.bool_]:
    """Unseen real pictures that the rule flags, each judged by the other groups."""
    count = int(groups.max()) + 1
    flagged = np.zeros(len(scores), dtype=bool)
    counts = unit_counts(groups)
    for group in range(count):
        own, others = groups == group, groups != group
        weights = 1.0 / counts[groups[others]]
        order = np.argsort(scores[others])
        summed = np.concatenate([[0.0], np.cumsum(weights[order])])
        below = summed[np.searchsorted(scores[others][order], scores[own], side="right")]
        limit = null.q[:, others].min(axis=1, keepdims=True) + np.log(SEPARATION)
        flagged[own] = ((1.0 + below) / count <= alpha) | (null.q[:, own] < limit).any(axis=0)
    return flagged
