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

    Shares are judged by the lower end of their interval: a set is not withheld for what chance explains.
    """

    fd_ratio_max: float | None = 2.0
    kid_ratio_max: float | None = 10.0
    precision_ratio_min: float | None = None
    recall_ratio_min: float | None = None
    coverage_ratio_min: float | None = 0.8
    rke_ratio_min: float | None = 0.8
    ms_ssim_excess_max: float | None = 0.05
    copies_share_max: float | None = 0.05
    identical_share_max: float | None = 0.0
    duplicates_share_max: float | None = 0.01

    @classmethod
    def from_mapping(cls, thresholds: Mapping[str, Any]) -> Policy:
        """Build from stored thresholds; those not named keep their default.

        Raises:
            ValueError: an unknown name, or a threshold that is neither a number ≥ 0 nor null.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(thresholds) - known):
            raise ValueError(f"unknown threshold(s): {', '.join(unknown)}")
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
    upper: bool
    at_any_n: bool  # a failure counts even where the status is not ok
    text: str


_BOUND = {True: "at most", False: "at least"}

_CHECKS = (
    _Check(
        "identical_share_max",
        "identical",
        "value",
        True,
        True,
        "share of pictures identical to a training picture",
    ),
    _Check(
        "copies_share_max",
        "copies",
        "ci_low",
        True,
        True,
        "share of pictures flagged as copies (lower bound)",
    ),
    _Check(
        "duplicates_share_max", "duplicates", "ci_low", True, True, "share of repeated pictures (lower bound)"
    ),
    _Check("fd_ratio_max", "fd", "ratio", True, False, "Fréchet distance over its floor"),
    _Check(
        "kid_ratio_max", "kid", "ratio", True, False, "kernel distance over its real-against-real reference"
    ),
    _Check("precision_ratio_min", "precision", "ratio", False, False, "precision over its floor"),
    _Check("recall_ratio_min", "recall", "ratio", False, False, "recall over its floor"),
    _Check("coverage_ratio_min", "coverage", "ratio", False, False, "coverage over its floor"),
    _Check(
        "rke_ratio_min",
        "rke",
        "ratio",
        False,
        False,
        "effective number of different pictures over the real one",
    ),
    _Check(
        "ms_ssim_excess_max",
        "ms_ssim",
        "details.excess",
        True,
        False,
        "MS-SSIM between pictures above the real one",
    ),
)


def meanings() -> dict[str, str]:
    """Each threshold by name, in words that go before its number."""
    return {check.threshold: f"{check.text}, {_BOUND[check.upper]}" for check in _CHECKS}


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
        bound = _BOUND[self.threshold.endswith("_max")]
        return f"{self.text}: {self.number:.3g}, {bound} {self.limit:g} is allowed"


def outcomes(report: Mapping[str, Any], policy: Policy) -> Iterator[Outcome]:
    """Each threshold of a policy held against a report (the parsed report.json)."""
    results = {result["metric"]: result for result in report["results"] if not result.get("class_key")}
    for check in _CHECKS:
        limit = getattr(policy, check.threshold)
        if limit is None:
            continue
        result = results.get(check.metric, {})
        number = _number(result, check.key)
        status = "missing" if number is None else str(result["status"])
        failed = number is not None and (number > limit if check.upper else number < limit)
        certain = check.at_any_n or status == "ok"
        yield Outcome(check.metric, check.threshold, check.text, number, limit, status, failed, certain)


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
