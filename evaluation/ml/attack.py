"""Membership attack by nearest-neighbour density: can one tell from the synthetic pictures who was trained on?

A real picture's score is how much nearer a synthetic picture lies to it than a real one of another group does: the ratio
of the two nearest-neighbour densities (the idea of DOMIAS, van Breugel et al. 2023, with one neighbour). Members are the
training pictures, non-members the validation pictures. No score depends on who is a member, so dealing out whole
groups gives an exact p. The true positive rate at a low false positive rate counts, not the area alone: one
patient found for certain is a breach (Carlini et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np

from evaluation.ml.fidelity import PERMUTATIONS, row
from evaluation.ml.groups import Codes, unit_counts, unit_sums
from evaluation.ml.intervals import grouped_share_interval
from evaluation.ml.kernel import upper_p
from evaluation.ml.nearest import FeatureSpace, Rows, group_distances, nearest_distances
from evaluation.ml.ranking import Flags, area, clustered_se, reach
from evaluation.ml.report import MetricResult, Status, p_text
from evaluation.ml.subject import Subject

# Metric → the false positive rate at which members are counted.
RATES = {"membership_tpr_10": 0.10, "membership_tpr_1": 0.01}
_METHOD = (
    "score: log(distance to the nearest real image of another group / distance to the nearest synthetic image); "
    "members: training images, non-members: validation images"
)


@dataclass(frozen=True)
class Candidates:
    """All real pictures as an attacker sees them, training ones first."""

    scores: Rows  # (n,)
    member: Flags  # (n,)
    groups: Codes  # (n,) codes 0 … G-1, training groups first


def attack_rows(subject: Subject) -> list[MetricResult]:
    """Area under the curve, and true positive rates at 10 % and 1 % false positives."""
    found = candidates(subject)
    deals = _deals(subject, found)
    return [_area_row(subject, found, deals), *(_rate_row(subject, found, deals, name) for name in RATES)]


def candidates(subject: Subject) -> Candidates:
    """Score every real picture."""
    real = np.concatenate([subject.training_rows, subject.reference_rows])
    groups = np.concatenate(
        [subject.training.groups, subject.reference.groups + subject.counts.n_train_groups]
    )
    to_real = subject.real_side.once("membership", lambda: _to_other_groups(real, groups))
    to_synthetic = nearest_distances(FeatureSpace(), real, subject.synthetic_rows)
    floor = 1e-3 * float(np.median(to_real)) + 1e-12
    member = np.arange(len(real)) < subject.counts.n_train
    return Candidates(np.log(to_real + floor) - np.log(to_synthetic + floor), member, groups)


def _to_other_groups(real: Rows, groups: Codes) -> Rows:
    others = []
    at = 0
    for distances in group_distances(FeatureSpace(), real, real, groups):
        distances[np.arange(len(distances)), groups[at : at + len(distances)]] = np.inf
        others.append(distances.min(axis=1))
        at += len(distances)
    return np.concatenate(others)


def _deals(subject: Subject, found: Candidates) -> Flags:
    """Whole groups dealt out again as members, ``(P, G)``."""
    rng = subject.rng("membership")
    truth = np.arange(int(found.groups.max()) + 1) < subject.counts.n_train_groups
    return np.stack([rng.permutation(truth) for _ in range(PERMUTATIONS)])


def _area_row(subject: Subject, found: Candidates, deals: Flags) -> MetricResult:
    value, influence = area(found.scores, found.member)
    counts = subject.counts
    fewest = min(counts.n_groups, counts.n_train_groups)
    low = high = None
    if fewest >= 2:
        sides = (found.member, ~found.member)
        se = hypot(*(clustered_se(influence[side], found.groups[side]) for side in sides))
        low, high = max(0.0, value - reach(se, fewest)), min(1.0, value + reach(se, fewest))
    null = dealt_areas(found, deals)
    p_value = upper_p(value, null)
    return row(
        subject, "membership_auc", f"Membership attack, area under the curve ({subject.extractor.name})", better="lower",
        value=value, floor=0.5, ratio=value / 0.5, ci_low=low, ci_high=high,
        ci_method="DeLong, influences summed over groups, Student t" if low is not None else "none: too few groups",
        p_value=p_value, p_text=p_text(p_value, len(null)), resamples=len(null),
        method=f"{_METHOD}; 0.5 is chance; p by dealing out whole groups",
        details={"null_q95": float(np.quantile(null, 0.95))},
    )  # fmt: skip


def dealt_areas(found: Candidates, deals: Flags) -> Rows:
    """The area under the curve for each deal: from the sums of ranks over groups (Mann–Whitney), ``(P,)``."""
    order = np.sort(found.scores)
    ranks = 0.5 * (np.searchsorted(order, found.scores) + np.searchsorted(order, found.scores, "right") + 1)
    members = deals @ unit_counts(found.groups)
    others = len(found.scores) - members
    return np.asarray(
        (deals @ unit_sums(ranks, found.groups) - members * (members + 1) / 2) / (members * others)
    )


def rate_at(scores: Rows, member: Flags, accused: float) -> Flags:
    """Which members are recognised at the threshold that accuses at most this share of the others."""
    others = np.sort(scores[~member])[::-1]
    return np.asarray(scores[member] > others[int(accused * len(others))])


def dealt_rates(found: Candidates, deals: Flags, accused: float) -> Rows:
    """The share of members that `rate_at` recognises in each deal, ``(P,)``."""
    order = np.argsort(-found.scores)
    scores = found.scores[order]
    members = deals[:, found.groups[order]]  # (P, n), the highest score first
    number = len(scores) - members.sum(axis=1)
    # The threshold is the first score that has so many others above it: the next one would accuse too many.
    above = np.cumsum(~members, axis=1) - 1
    at = (above == (accused * number).astype(np.int64)[:, None]).argmax(axis=1)
    hits = members & (scores[None, :] > scores[at][:, None])
    return np.asarray(hits.sum(axis=1) / members.sum(axis=1))


def _rate_row(subject: Subject, found: Candidates, deals: Flags, name: str) -> MetricResult:
    accused = RATES[name]
    hits = rate_at(found.scores, found.member, accused)
    low, high = grouped_share_interval(hits, subject.training.groups)
    value = float(hits.mean())
    null = dealt_rates(found, deals, accused)
    p_value = upper_p(value, null)
    needed, groups = round(1.0 / accused), subject.counts.n_groups
    status: Status = subject.status
    short: tuple[str, ...] = ()
    if groups < needed:
        short = (f"a rate of {accused:.0%} needs {needed} validation groups, and there are {groups}",)
        status = "insufficient" if status == "ok" else status
    return row(
        subject, name, f"Membership attack, recognised at {accused:.0%} false alarms ({subject.extractor.name})",
        better="lower", value=value, floor=accused, ratio=value / accused, ci_low=low, ci_high=high,
        ci_method="Wilson, with the effective number of groups; the threshold taken as it is",
        p_value=p_value, p_text=p_text(p_value, len(null)), resamples=len(null), status=status,
        caveats=(*subject.caveats, *short), method=f"{_METHOD}; p by dealing out whole groups",
        details={"recognised": int(hits.sum()), "groups_recognised": len(np.unique(subject.training.groups[hits]))},
    )  # fmt: skip
