"""Matched draws: the same number of rows on every side, for the value and for its floor.

Point values take the reference rows against as many synthetic (value) and as many training rows (floor), drawn over
all groups. Spread comes from halves of the real groups: with half of the units left out at random, the standard
deviation over draws is the delete-half jackknife's standard error of the whole-sample statistic. No bootstrap:
resampling with replacement biases a Fréchet distance far outside its own interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.ml.groups import draw_rows, rows_of_half
from evaluation.ml.subject import Subject

Index = npt.NDArray[np.int64]
# Distances of larger matched sets cost cubic time and teach little more.
MAX_MATCHED = 512
POINT_DRAWS = 20
HALF_DRAWS = 50
# Fewer groups cannot be halved in enough ways.
MIN_HALVED = 4


@dataclass(frozen=True)
class Draw:
    """Row numbers of one matched draw; all three have one length."""

    reference: Index
    training: Index
    synthetic: Index

    @property
    def size(self) -> int:
        """Rows on each side."""
        return len(self.reference)

    @property
    def real(self) -> tuple[bytes, bytes]:
        """Tells apart draws of different real rows."""
        return self.reference.tobytes(), self.training.tobytes()


@dataclass(frozen=True)
class Matched:
    """Mean value and floor over matched draws of `size` rows a side, their ratio and its interval."""

    value: float
    floor: float
    ratio: float | None
    low: float | None
    high: float | None
    size: int
    draws: int


def matched_size(subject: Subject) -> int:
    """The largest equal number of rows, at most `MAX_MATCHED`."""
    counts = subject.counts
    return min(counts.n_real, counts.n_train, counts.n_synth, MAX_MATCHED)


def point_draws(subject: Subject, rng: np.random.Generator) -> Iterator[Draw]:
    """Draws for the point value, from all groups."""
    size = matched_size(subject)
    counts = subject.counts
    for _ in range(POINT_DRAWS if size <= 256 else POINT_DRAWS // 4):
        yield Draw(
            draw_rows(np.arange(counts.n_real), size, rng),
            draw_rows(np.arange(counts.n_train), size, rng),
            draw_rows(np.arange(counts.n_synth), size, rng),
        )


def half_draws(subject: Subject, rng: np.random.Generator) -> Iterator[Draw]:
    """Draws from random halves of the real groups; none where there are too few groups to halve."""
    counts = subject.counts
    if min(counts.n_groups, counts.n_train_groups) < MIN_HALVED:
        return
    for _ in range(HALF_DRAWS):
        reference = rows_of_half(subject.reference.groups, rng)
        training = rows_of_half(subject.training.groups, rng)
        size = min(len(reference), len(training), (counts.n_synth + 1) // 2, MAX_MATCHED // 2)
        yield Draw(
            draw_rows(reference, size, rng),
            draw_rows(training, size, rng),
            draw_rows(np.arange(counts.n_synth), size, rng),
        )


def measure(
    subject: Subject, purpose: str, statistic: Callable[[Draw], tuple[float, float] | None]
) -> Matched | None:
    """Value, floor and ratio of one statistic over matched draws.

    Args:
        subject: what is measured.
        purpose: names the random stream.
        statistic: (value, floor) of one draw, or None where it is not defined there.
    """
    found = measure_all(subject, purpose, lambda draw: None if (pair := statistic(draw)) is None else [pair])
    return None if found is None else found[0]


def measure_all(
    subject: Subject, purpose: str, statistics: Callable[[Draw], Sequence[tuple[float, float]] | None]
) -> list[Matched] | None:
    """As `measure`, for several statistics read off the same draws."""
    points = [
        found
        for draw in point_draws(subject, subject.rng(purpose))
        if (found := statistics(draw)) is not None
    ]
    if not points:
        return None
    halves = [
        found
        for draw in half_draws(subject, subject.rng(f"{purpose}/halves"))
        if draw.size >= MIN_HALVED and (found := statistics(draw)) is not None
    ]
    return [
        _matched(subject, [point[at] for point in points], [half[at] for half in halves])
        for at in range(len(points[0]))
    ]


def _matched(
    subject: Subject, points: list[tuple[float, float]], halves: list[tuple[float, float]]
) -> Matched:
    value, floor = (float(mean) for mean in np.mean(points, axis=0))
    ratio = _ratio(value, floor)
    ratios = [found for pair in halves if (found := _ratio(*pair)) is not None]
    low = high = None
    if ratio is not None and len(ratios) >= HALF_DRAWS // 2:
        units = min(subject.counts.n_groups, subject.counts.n_train_groups)
        reach = float(np.std(ratios, ddof=1)) * float(stats.t.ppf(0.975, units - 1))
        low, high = max(0.0, ratio - reach), ratio + reach
    return Matched(value, floor, ratio, low, high, matched_size(subject), len(points) + len(halves))


def _ratio(value: float, floor: float) -> float | None:
    return value / floor if floor > 1e-12 else None
