"""From a report to a verdict, by thresholds. Pure: the rule can be tested without a database.

Evidence against a set counts at any n; evidence for it counts only where there is enough of it. So a copied patient
withholds even a tiny set, and good-looking numbers from few groups stay ``insufficient``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Decision = Literal["release", "withhold", "insufficient"]


@dataclass(frozen=True)
class Policy:
    """Thresholds; None means that this is not judged. The defaults are provisional, to be set from real runs.

    Shares are judged by the lower end of their interval: a set is not withheld for what chance explains. A set of which
    most pictures are copies is withheld by any policy.
    """

    fd_ratio_max: float | None = 2.0
    kid_ratio_max: float | None = 10.0
    precision_ratio_min: float | None = None
    density_ratio_min: float | None = None
    recall_ratio_min: float | None = None
    coverage_ratio_min: float | None = 0.8
    rke_ratio_min: float | None = 0.8
    vendi_ratio_min: float | None = None
    ms_ssim_excess_max: float | None = 0.05
    copies_share_max: float | None = 0.05
    identical_share_max: float | None = 0.0
    duplicates_share_max: float | None = 0.01
    nearest_real_ratio_min: float | None = None
    dcr_share_max: float | None = None
    membership_auc_max: float | None = None
    membership_tpr_10_max: float | None = None
    membership_tpr_1_max: float | None = None
    tstr_ratio_min: float | None = None

    @classmethod
    def from_mapping(cls, thresholds: Mapping[str, Any]) -> Policy:
        """Build from stored thresholds; those not named keep their default.

        Raises:
            ValueError: no mapping, an unknown name, or a threshold that is neither a number ≥ 0 nor null.
        """
        if not isinstance(thresholds, Mapping):
            raise ValueError("thresholds must be an object, each by its name")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(thresholds) - known):
            raise ValueError(
                f"unknown threshold(s): {', '.join(unknown)}; known are {', '.join(sorted(known))}"
            )
        for name, value in thresholds.items():
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number of at least 0, or null")
        return cls(**thresholds)

    def to_mapping(self) -> dict[str, float | None]:
        """All thresholds by name."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What the rule says, and why, in words."""

    decision: Decision
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Check:
    threshold: str
    metric: str
    key: str  # where the judged number stands in the result
    text: str
    at_any_n: bool = False  # a failure counts even where the status is not ok
    never_above: float | None = None  # whatever the policy says

    @property
    def is_upper(self) -> bool:
        return self.threshold.endswith("_max")

    @property
    def bound(self) -> str:
        return "at most" if self.is_upper else "at least"


# A set of which most pictures are copies is a replay of the training set, with noise or without.
_REPLAY = 0.5
_CHECKS = (
    _Check("identical_share_max", "identical", "value", "share of images identical to a training image", True, _REPLAY),
    _Check("copies_share_max", "copies", "ci_low", "share of images flagged as copies (lower bound)", True, _REPLAY),
    _Check("duplicates_share_max", "duplicates", "ci_low", "share of repeated images (lower bound)", True),
    _Check("fd_ratio_max", "fd", "ratio", "Fréchet distance over its floor"),
    _Check("kid_ratio_max", "kid", "ratio", "kernel distance over its real-against-real reference"),
    _Check("precision_ratio_min", "precision", "ratio", "precision over its floor"),
    _Check("density_ratio_min", "density", "ratio", "density over its floor"),
    _Check("recall_ratio_min", "recall", "ratio", "recall over its floor"),
    _Check("coverage_ratio_min", "coverage", "ratio", "coverage over its floor"),
    _Check("rke_ratio_min", "rke", "ratio", "effective number of different images over the real one"),
    _Check("vendi_ratio_min", "vendi", "ratio", "Vendi score over the real one"),
    _Check("ms_ssim_excess_max", "ms_ssim", "details.excess", "MS-SSIM between images above the real one"),
    _Check("nearest_real_ratio_min", "nearest_real", "ratio", "median distance to the nearest real image over an unseen one's"),
    _Check("dcr_share_max", "dcr_share", "ci_low", "share nearer to training than to validation (lower bound)"),
    _Check("membership_auc_max", "membership_auc", "ci_low", "membership attack, area under the curve (lower bound)"),
    _Check("membership_tpr_10_max", "membership_tpr_10", "ci_low", "members recognised at 10 % false alarms (lower bound)"),
    _Check("membership_tpr_1_max", "membership_tpr_1", "ci_low", "members recognised at 1 % false alarms (lower bound)"),
    _Check("tstr_ratio_min", "tstr", "ratio", "what synthetic images teach over what real ones teach"),
)  # fmt: skip


def meanings() -> dict[str, str]:
    """Each threshold by name, in words that go before its number."""
    return {check.threshold: f"{check.text}, {check.bound}" for check in _CHECKS}


@dataclass(frozen=True)
class Outcome:
    """What one threshold says: `number` is None where there is none, `certain` whether a failure counts at this n."""

    metric: str
    threshold: str
    text: str
    number: float | None
    limit: float
    status: str
    failed: bool
    certain: bool

    @property
    def words(self) -> str:
        """The number beside what is allowed."""
        bound = "at most" if self.threshold.endswith("_max") else "at least"
        return f"{self.text}: {self.number:.3g}, {bound} {self.limit:g} is allowed"


def outcomes(report: Mapping[str, Any], policy: Policy) -> Iterator[Outcome]:
    """Each threshold of a policy held against a report (the parsed report.json), and the bounds that no policy lifts."""
    results = {result["metric"]: result for result in report["results"] if not result.get("class_key")}
    for check in _CHECKS:
        named, last = getattr(policy, check.threshold), check.never_above
        limits = [limit for limit in (named, last) if limit is not None]
        if not limits:
            continue
        found = _outcome(check, results.get(check.metric, {}), min(limits))
        if named is not None or found.failed:
            yield found


def _outcome(check: _Check, result: Mapping[str, Any], limit: float) -> Outcome:
    number = _number(result, check.key)
    status = "missing" if number is None else str(result["status"])
    failed = number is not None and (number > limit if check.is_upper else number < limit)
    certain = check.at_any_n or status == "ok"
    return Outcome(check.metric, check.threshold, check.text, number, limit, status, failed, certain)


def judge(report: Mapping[str, Any], policy: Policy) -> Verdict:
    """Apply thresholds to a report (the parsed report.json).

    Returns:
        ``withhold`` where something fails that counts at any n, or any threshold fails with status ``ok``;
        else ``insufficient`` where a judged number is missing or not ``ok``; else ``release``.
    """
    against: list[str] = []
    lacking: list[str] = []
    indicative: list[str] = []
    for found in outcomes(report, policy):
        if found.number is None:
            lacking.append(f"{found.text}: no number")
        elif found.failed and found.certain:
            against.append(found.words)
        elif found.status != "ok":
            lacking.append(f"{found.text}: {found.status}")
            if found.failed:
                indicative.append(f"indicative only: {found.words}")
    return _verdict(against, lacking, indicative, report)


def _verdict(
    against: list[str], lacking: list[str], indicative: list[str], report: Mapping[str, Any]
) -> Verdict:
    if against:
        return Verdict("withhold", (*against, *indicative))
    if lacking:
        why = [str(text) for text in report.get("shortages", ())]
        return Verdict("insufficient", (*why, *lacking, *indicative))
    return Verdict("release", ("every judged number is within its threshold",))


def _number(result: Mapping[str, Any], key: str) -> float | None:
    value: Any = result
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
