"""The share of synthetic pictures that are nearer to a training than to a validation group, both sides equally many.

Known as DCR share (distance to the closest record). A half is what pictures give that know neither side. The two sides
hold equally many groups, drawn again and again, because the larger side would be nearer by its size alone. Whole
groups change sides in the permutation, so p is exact where groups were split at random.

It sees what many pictures do a little; few copies among many pictures leave it at a half: see `memorisation` for these.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.ml.draws import HALF_DRAWS, MIN_HALVED
from evaluation.ml.fidelity import row
from evaluation.ml.groups import Codes, draw_rows
from evaluation.ml.kernel import upper_p
from evaluation.ml.nearest import FeatureSpace, Rows, group_distances
from evaluation.ml.report import MetricResult, p_text
from evaluation.ml.subject import Subject

Order = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]
# Draws of equally many groups for one split; each deal of the permutation has as many, so that both are alike.
DRAWS = 4
DEALS = 199
# The permutation looks at so many synthetic pictures at most.
MAX_DEALT = 2048
_TRAINING, _REFERENCE = 1, -1


def closeness_row(subject: Subject) -> MetricResult:
    """DCR share beside that of unseen real pictures, with permutation p."""
    training, reference = subject.counts.n_train_groups, subject.counts.n_groups
    pooled = np.concatenate([subject.training_rows, subject.reference_rows])
    codes = np.concatenate([subject.training.groups, subject.reference.groups + training])
    deep = _depth(training, reference)
    order = nearest_groups(subject.synthetic_rows, pooled, codes, deep)
    labels = np.repeat(np.array([_TRAINING, _REFERENCE], dtype=np.int8), [training, reference])
    value = mean_share(order, labels, subject.rng("dcr"))
    unseen = subject.real_side.once(
        "dcr", lambda: nearest_groups(subject.reference_rows, pooled, codes, deep)
    )
    floor, spread = _halves(subject, order, unseen, labels)
    p_value = _p(subject, order, labels)
    reach = None if spread is None else spread * float(stats.t.ppf(0.975, min(training, reference) - 1))
    return row(
        subject, "dcr_share", f"Nearer to training than to validation ({subject.extractor.name})", better="lower",
        value=value, floor=floor, ratio=value / floor if floor else None,
        ci_low=None if reach is None else max(0.0, value - reach),
        ci_high=None if reach is None else min(1.0, value + reach),
        ci_method="none: too few groups" if reach is None else "value ± t · standard deviation over halves of the groups",
        p_value=p_value, p_text=p_text(p_value, DEALS), resamples=DEALS,
        method=(
            "share of synthetic images whose nearest real image is of a training group, equally many groups on either "
            "side; 0.5 is expected; p by dealing out whole groups; floor: unseen validation images in their place"
        ),
        details={"expected": 0.5, "groups_a_side": min(training, reference)},
    )  # fmt: skip


def nearest_groups(queries: Rows, pooled: Rows, codes: Codes, deep: int) -> Order:
    """The `deep` nearest groups of each query, nearest first, ``(n, deep)``."""
    found = []
    for distances in group_distances(FeatureSpace(), queries, pooled, codes):
        kept = min(deep, distances.shape[1])
        near = np.argpartition(distances, kept - 1, axis=1)[:, :kept]
        order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
        found.append(np.take_along_axis(near, order, axis=1))
    return np.concatenate(found).astype(np.int64)


def _depth(training: int, reference: int) -> int:
    """So many nearest groups that hardly ever none of them is drawn (a half of the smaller side on each is the fewest)."""
    return int(np.ceil(16.0 * (training + reference) / min(training, reference)))


def share(order: Order, sides: Sides) -> float:
    """Share of pictures whose nearest drawn group lies on the training side; undecided ones count half."""
    met = sides[order]  # (n, deep)
    first = np.take_along_axis(met, (met != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    return 0.5 + 0.5 * float(first.mean(dtype=np.float64))


def mean_share(order: Order, labels: Sides, rng: np.random.Generator) -> float:
    """Mean share over draws of equally many groups of either label; groups labelled 0 are left out."""
    training, reference = np.flatnonzero(labels == _TRAINING), np.flatnonzero(labels == _REFERENCE)
    size = min(len(training), len(reference))
    times = 1 if len(training) == len(reference) else DRAWS
    return float(
        np.mean([share(order, _drawn(labels, training, reference, size, rng)) for _ in range(times)])
    )


def _drawn(labels: Sides, training: Order, reference: Order, size: int, rng: np.random.Generator) -> Sides:
    sides = np.zeros_like(labels)
    for groups in (training, reference):
        chosen = draw_rows(groups, size, rng)
        sides[chosen] = labels[chosen]
    return sides


def _halves(
    subject: Subject, order: Order, unseen: Order, labels: Sides
) -> tuple[float | None, float | None]:
    """The share of validation pictures outside a drawn half of the groups, and the spread of the value over halves."""
    training, reference = subject.counts.n_train_groups, subject.counts.n_groups
    if min(training, reference) < MIN_HALVED:
        return None, None
    rng = subject.rng("dcr/halves")
    floors, values = [], []
    for _ in range(HALF_DRAWS):
        left_out = np.concatenate(
            [
                rng.permutation(training)[: training // 2],
                training + rng.permutation(reference)[: reference // 2],
            ]
        )
        sides = labels.copy()
        sides[left_out] = 0
        values.append(mean_share(order, sides, rng))
        outside = np.isin(subject.reference.groups + training, left_out)
        floors.append(mean_share(unseen[outside], sides, rng))
    return float(np.mean(floors)), float(np.std(values, ddof=1))


def _p(subject: Subject, order: Order, labels: Sides) -> float | None:
    rng = subject.rng("dcr/deals")
    few = order[draw_rows(np.arange(len(order)), MAX_DEALT, rng)]
    value = mean_share(few, labels, rng)
    null = [mean_share(few, rng.permutation(labels), rng) for _ in range(DEALS)]
    return upper_p(value, np.array(null))
