"""How far readers agree, and whether two answers to the same image say the same.

A table is one mapping a unit (an image): who said what. Gaps are allowed; a unit with one answer counts for nothing.
`None` stands where a statistic cannot be computed; it is never replaced by a number.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from annotation.geometry import Point, Shape, iou

Reader = TypeVar("Reader", bound=Hashable)
Table = Sequence[Mapping[Reader, Hashable]]

MIN_IOU = 0.5
POINT_REACH = 8.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """A statistic with what it rests on.

    Attributes:
        value: The statistic, or None where it is not computable.
        n_units: Images with at least two answers.
        n_pairs: Pairs of answers to the same image.
        reason: Why there is no value; empty when there is one.
    """

    value: float | None
    n_units: int
    n_pairs: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MarkedRegion:
    """A region of an answer: its class and its shape."""

    label: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reader said about one image."""

    decision: str
    classes: frozenset[str]
    regions: tuple[MarkedRegion, ...] = ()


def raw_agreement(table: Table[Reader]) -> Agreement:
    """The share of answer pairs about the same image that are equal."""
    pairs = [pair for unit in table for pair in combinations(unit.values(), 2)]
    n_units = _paired_units(table)
    if not pairs:
        return Agreement(None, 0, 0, "no image has two answers")
    return Agreement(sum(a == b for a, b in pairs) / len(pairs), n_units, len(pairs))


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Agreement:
    """Cohen's kappa of two readers over the images both answered (Cohen 1960).

    Raises:
        ValueError: The two lists differ in length.
    """
    n = len(first)
    if n != len(second):
        raise ValueError(f"expected as many answers of both readers, got {n} and {len(second)}")
    if n == 0:
        return Agreement(None, 0, 0, "no image was read by both")
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    count_first, count_second = Counter(first), Counter(second)
    expected = sum(count_first[label] * count_second[label] for label in count_first) / n**2
    if expected == 1.0:
        return Agreement(None, n, n, "both readers gave the same single answer to every image")
    return Agreement((observed - expected) / (1 - expected), n, n)


def krippendorff_alpha(table: Table[Reader]) -> Agreement:
    """Krippendorff's alpha for nominal answers, any number of readers, with gaps.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): from the coincidence matrix o with margins n_c,
    alpha = 1 - (n - 1) · Σ_{c≠k} o_ck / Σ_{c≠k} n_c n_k.
    """
    coincidences: dict[tuple[Hashable, Hashable], float] = defaultdict(float)
    n_pairs = 0
    for unit in table:
        values = list(unit.values())
        for a, b in combinations(values, 2):
            weight = 1 / (len(values) - 1)
            coincidences[a, b] += weight
            coincidences[b, a] += weight
            n_pairs += 1
    n_units = _paired_units(table)
    if not n_pairs:
        return Agreement(None, 0, 0, "no image has two answers")
    margins: dict[Hashable, float] = defaultdict(float)
    for (a, _), weight in coincidences.items():
        margins[a] += weight
    n = sum(margins.values())
    expected = n**2 - sum(margin**2 for margin in margins.values())
    if len(margins) < 2:
        return Agreement(None, n_units, n_pairs, "only one answer was ever given")
    observed = sum(weight for (a, b), weight in coincidences.items() if a != b)
    return Agreement(1 - (n - 1) * observed / expected, n_units, n_pairs)


def pairwise_kappa(table: Table[Reader]) -> dict[tuple[Reader, Reader], Agreement]:
    """Cohen's kappa of every two readers who share an image, by the order of their names."""
    shared: dict[tuple[Reader, Reader], list[tuple[Hashable, Hashable]]] = defaultdict(list)
    for unit in table:
        for a, b in combinations(sorted(unit, key=str), 2):
            shared[a, b].append((unit[a], unit[b]))
    return {
        pair: cohen_kappa([a for a, _ in answers], [b for _, b in answers])
        for pair, answers in sorted(shared.items(), key=lambda entry: str(entry[0]))
    }


def answers_agree(answers: Iterable[Answer]) -> bool:
    """Whether all answers say the same: decision, classes, and the marks of every class.

    Marks agree when each has a partner of its class in the other answer: boxes and polygons with an overlap (IoU) of at
    least 0.5, points within 8 pixels.
    """
    return all(_same(a, b) for a, b in combinations(answers, 2))


def _same(first: Answer, second: Answer) -> bool:
    if first.decision != second.decision or first.classes != second.classes:
        return False
    return _regions_match(first.regions, second.regions)


def _regions_match(first: Sequence[MarkedRegion], second: Sequence[MarkedRegion]) -> bool:
    """A partner for every region, by augmenting paths (bipartite matching)."""
    if len(first) != len(second):
        return False
    near = [[j for j, other in enumerate(second) if _near(region, other)] for region in first]
    partner: dict[int, int] = {}

    def find(i: int, tried: set[int]) -> bool:
        for j in near[i]:
            if j in tried:
                continue
            tried.add(j)
            if j not in partner or find(partner[j], tried):
                partner[j] = i
                return True
        return False

    return all(find(i, set()) for i in range(len(first)))


def _near(first: MarkedRegion, second: MarkedRegion) -> bool:
    if first.label != second.label:
        return False
    a, b = first.shape, second.shape
    if isinstance(a, Point) and isinstance(b, Point):
        return math.dist((a.x, a.y), (b.x, b.y)) <= POINT_REACH
    return iou(a, b) >= MIN_IOU


def _paired_units(table: Table[Reader]) -> int:
    return sum(len(unit) >= 2 for unit in table)
