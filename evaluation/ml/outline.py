"""A report in the order in which people ask: a verdict in one line, then fidelity, diversity, copying, privacy, utility.

Pure: the same outline is shown on a page of the application and written into a file by the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.ml.judge import Decision, Outcome, Policy, outcomes

Tone = Literal["ok", "warn", "bad", "none"]
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Topic:
    """One question, the metrics that answer it, and what the answers are in words."""

    key: str
    title: str
    question: str
    anchor: str  # of the explanation, on the documentation's page of metrics
    metrics: tuple[str, ...]
    good: str
    poor: str


TOPICS = (
    Topic(
        "fidelity", "Fidelity", "Do they look like real images?", "how-near-to-real-images",
        ("fd", "fd_pca", "kid", "fid", "precision", "density"),
        "Near enough to unseen real images.", "Too far from real images.",
    ),
    Topic(
        "diversity", "Diversity", "How varied are they?", "how-varied",
        ("coverage", "recall", "rke", "vendi", "ms_ssim", "duplicates"),
        "As varied as it must be.", "Not varied enough.",
    ),
    Topic(
        "copying", "Copying", "Is it anybody's image?", "is-it-anybodys-image",
        ("copies", "identical", "nearest_real", "dcr_share"),
        "No more look like copies than chance explains.", "Too many look like copies of real images.",
    ),
    Topic(
        "privacy", "Privacy attack", "Can one tell who was trained on?", "what-could-an-attacker-tell",
        ("membership_auc", "membership_tpr_10", "membership_tpr_1"),
        "An attacker recognises no more than allowed.", "An attacker recognises people of the training set.",
    ),
    Topic(
        "utility", "Utility", "Do they teach what real ones teach?", "do-they-teach-anything",
        ("tstr", "tsrtr"),
        "They teach about what real ones teach.", "They teach less than real ones.",
    ),
)  # fmt: skip
_ORDER = tuple(metric for topic in TOPICS for metric in topic.metrics)
_OTHER = Topic(
    "other", "Further numbers", "What else was measured", "", (), "Within bounds.", "Out of bounds."
)

_TITLES: dict[Decision, tuple[str, Tone]] = {
    "release": ("Good enough to release", "ok"),
    "withhold": ("Not good enough: withhold", "bad"),
    "insufficient": ("Too little real data to say", "warn"),
}


@dataclass(frozen=True)
class Strip:
    """A number on a line from 0 to 100: what is allowed, where real images stand, the number and its interval."""

    number: float
    low: float | None
    high: float | None
    floor: float | None
    allowed: tuple[float, float] | None


@dataclass(frozen=True)
class Line:
    """One measured number with all that it takes to read it."""

    metric: str
    label: str
    result: Result
    outcome: Outcome | None
    strip: Strip | None
    tone: Tone

    @property
    def is_known(self) -> bool:
        """Whether there is a number at all."""
        return self.result.get("value") is not None


@dataclass(frozen=True)
class Part:
    """The answer to one question."""

    topic: Topic
    tone: Tone
    sentence: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Headline:
    """The verdict in one line, and what decided it."""

    title: str
    tone: Tone
    because: tuple[str, ...]


def outline(report: Mapping[str, Any], policy: Policy) -> tuple[Part, ...]:
    """All questions in their order, each with its numbers over all classes."""
    judged = {found.metric: found for found in outcomes(report, policy)}
    results = {row["metric"]: row for row in report["results"] if not row.get("class_key")}
    others = tuple(name for name in results if name not in _ORDER)
    topics = [(topic, topic.metrics) for topic in TOPICS]
    if others:
        topics.append((_OTHER, others))
    return tuple(
        _part(topic, [_line(results[name], judged.get(name)) for name in metrics if name in results])
        for topic, metrics in topics
    )


def headline(decision: Decision, report: Mapping[str, Any], parts: Sequence[Part]) -> Headline:
    """The verdict for somebody who reads nothing else."""
    title, tone = _TITLES[decision]
    if decision == "insufficient":
        because = [
            *_sentences(report.get("shortages", ())),
            *_sentences(part.sentence for part in parts if _hints(part)),
        ]
    else:
        because = [part.sentence for part in parts if part.tone == tone]
    return Headline(title, tone, tuple(because))


def summary(report: Mapping[str, Any], policy: Policy, decision: Decision) -> dict[str, Any]:
    """Verdict and answers in words, for who reads a report with a program."""
    parts = outline(report, policy)
    head = headline(decision, report, parts)
    answers = {part.topic.key: {"tone": part.tone, "sentence": part.sentence} for part in parts}
    return {"headline": head.title, "because": list(head.because), "answers": answers}


def classes(report: Mapping[str, Any]) -> dict[str, tuple[Line, ...]]:
    """The numbers of each class, in the order of the questions."""
    found: dict[str, list[Line]] = {}
    for row in report["results"]:
        if row.get("class_key"):
            found.setdefault(row["class_key"], []).append(_line(row, None))
    return {key: tuple(sorted(lines, key=_place)) for key, lines in sorted(found.items())}


def _place(line: Line) -> int:
    """Where a number stands in the order of the questions; what answers none of them comes last."""
    return _ORDER.index(line.metric) if line.metric in _ORDER else len(_ORDER)


def _sentences(texts: Iterable[Any]) -> list[str]:
    return [f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in map(str, texts)]


def _hints(part: Part) -> bool:
    return any(line.outcome is not None and line.outcome.failed for line in part.lines)


def _part(topic: Topic, lines: list[Line]) -> Part:
    judged = [line for line in lines if line.outcome is not None]
    if not lines:
        return Part(topic, "none", "Not measured.", ())
    if not judged:
        return Part(topic, "none", "Measured; the policy sets no threshold.", tuple(lines))
    tones = {line.tone for line in judged}
    if "bad" in tones:
        return Part(topic, "bad", topic.poor, tuple(lines))
    if "warn" not in tones:
        return Part(topic, "ok", topic.good, tuple(lines))
    failed = any(line.outcome is not None and line.outcome.failed for line in judged)
    words = topic.poor if failed else topic.good
    return Part(topic, "warn", f"Indicative only: {words[:1].lower()}{words[1:]}", tuple(lines))


def _line(result: Result, outcome: Outcome | None) -> Line:
    return Line(
        metric=result["metric"],
        label=str(result.get("label") or result["metric"]),
        result=result,
        outcome=outcome,
        strip=_strip(result, outcome),
        tone=_tone(outcome),
    )


def _tone(outcome: Outcome | None) -> Tone:
    if outcome is None:
        return "none"
    if outcome.failed and outcome.certain:
        return "bad"
    return "ok" if outcome.status == "ok" else "warn"


def _strip(result: Result, outcome: Outcome | None) -> Strip | None:
    """The number as it is judged: a ratio to the floor, an excess over it, or the share itself."""
    value, floor = result.get("value"), result.get("floor")
    if value is None:
        return None
    low, high, of = result.get("ci_low"), result.get("ci_high"), result.get("ci_of", "value")
    if low is None or high is None:
        low = high = None
    kind = _kind(result, outcome)
    if (kind == "ratio" and result.get("ratio") is None) or (kind == "excess" and floor is None):
        return None
    if kind == "ratio":
        value, floor = result["ratio"], 1.0
        low, high = (low, high) if of == "ratio" else (None, None)
    elif kind == "excess":
        low, high = (
            (None, None) if of != "value" or low is None or high is None else (low - floor, high - floor)
        )
        value, floor = value - floor, 0.0
    elif of == "ratio":
        low = high = None
    elif of == "difference" and floor is not None and low is not None and high is not None:
        low, high = floor + low, floor + high
    return _scaled(value, low, high, floor, outcome)


def _kind(result: Result, outcome: Outcome | None) -> str:
    if outcome is not None:
        return next((kind for kind in ("ratio", "excess") if f"_{kind}_" in outcome.threshold), "value")
    return "ratio" if result.get("ratio") is not None and result.get("ci_of") == "ratio" else "value"


def _scaled(
    value: float, low: float | None, high: float | None, floor: float | None, outcome: Outcome | None
) -> Strip:
    limit = outcome.limit if outcome else None
    numbers = [number for number in (value, low, high, floor, limit) if number is not None]
    start = min(0.0, *numbers)
    span = (max(numbers) - start) * 1.08 or 1.0

    def place(number: float | None) -> float | None:
        return None if number is None else round(100 * (number - start) / span, 2)

    allowed = None
    if limit is not None and outcome is not None:
        edge = round(100 * (limit - start) / span, 2)
        allowed = (0.0, edge) if outcome.threshold.endswith("_max") else (edge, 100.0)
    return Strip(round(100 * (value - start) / span, 2), place(low), place(high), place(floor), allowed)
