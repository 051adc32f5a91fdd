"""A report as people read it: numbers in words, plots as coordinates. No picture of anybody is in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from django.urls import reverse

from evaluation.ml.judge import Decision, Policy
from evaluation.ml.outline import Line, Part, classes, headline, outline, summary
from evaluation.models import Evaluation, EvaluationState, MetricResult
from evaluation.services.clinicians import acceptance_of
from evaluation.services.gating import thresholds_of

# What is a share of images or people, and read best as such.
SHARES = frozenset(
    {"copies", "identical", "duplicates", "dcr_share", "membership_tpr_10", "membership_tpr_1"}
)
INTERVALS = {"ratio": "ratio", "difference": "difference"}
MARKS = {"ok": "✓", "warn": "?", "bad": "✕", "none": "·"}
# Width and height of the plots' own coordinates.
WIDE, HIGH = 640, 180


def report_of(evaluation: Evaluation) -> dict[str, Any]:
    """The report of a finished evaluation, its results from the rows that hold them."""
    return {**evaluation.report, "results": [_result(row) for row in evaluation.metrics.all()]}


def _result(row: MetricResult) -> dict[str, Any]:
    columns = (
        "value",
        "floor",
        "ratio",
        "ci_low",
        "ci_high",
        "p_value",
        "n_real",
        "n_synth",
        "n_groups",
        "status",
    )
    known = {name: getattr(row, name) for name in columns}
    return {
        **row.details,
        **known,
        "metric": row.name,
        "extractor": row.extractor,
        "class_key": row.class_key,
    }


def present_report(report: Mapping[str, Any], policy: Policy, decision: Decision) -> dict[str, Any]:
    """What templates need to show a report, wherever it came from."""
    parts = outline(report, policy)
    return {
        "headline": headline(decision, report, parts),
        "parts": [present_part(part, _said(report)) for part in parts],
        "classes": _by_class(report),
        "histogram": _histogram(report),
        "limits": report.get("limits", ()),
        "limits_n": _extent(report),
        "fid": report.get("fid", {}),
        "marks": MARKS,
    }


def present_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """As `present_report`, for an evaluation that has succeeded."""
    decision = cast(Decision, evaluation.verdict)
    return present_report(report_of(evaluation), thresholds_of(evaluation.policy), decision)


def summarise(evaluation: Evaluation) -> dict[str, Any] | None:
    """Verdict, answers and what clinicians said, with the address of each number's explanation; None before the end."""
    if evaluation.state != EvaluationState.SUCCEEDED:
        return None
    report, decision = report_of(evaluation), cast(Decision, evaluation.verdict)
    explained, acceptance = (
        reverse("docs-page", args=["reference/metrics"]),
        acceptance_of(evaluation.image_set),
    )
    return {
        **summary(report, thresholds_of(evaluation.policy), decision),
        "clinicians": acceptance and acceptance.as_json(),
        "explanations": {row["metric"]: f"{explained}#{row['metric']}" for row in report["results"]},
    }


def _said(report: Mapping[str, Any]) -> frozenset[str]:
    """What limits every number: the head and the box of limits say it, so no line repeats it."""
    return frozenset((*report.get("shortages", ()), *report.get("contamination", ())))


def present_part(part: Part, said: Collection[str] = ()) -> dict[str, Any]:
    """One section of the report; its lines do not repeat the caveats that were `said`."""
    return {
        **asdict(part.topic),
        "tone": part.tone,
        "mark": MARKS[part.tone],
        "sentence": part.sentence,
        "lines": [present_line(line, said) for line in part.lines],
    }


def present_line(line: Line, said: Collection[str] = ()) -> dict[str, Any]:
    """One number in words, with its strip."""
    row = line.result
    return {
        "metric": line.metric,
        "label": line.label,
        "value": number_text(row.get("value"), line.metric),
        "floor": number_text(row.get("floor"), line.metric),
        "ratio": number_text(row.get("ratio")),
        "interval": _interval(row, line.metric),
        "p": row.get("p_text") or number_text(row.get("p_value")),
        "allowed": _allowed(line),
        "status": row["status"],
        "tone": line.tone,
        "n": _counts(row),
        "method": row.get("method", ""),
        "ci_method": row.get("ci_method", ""),
        "caveats": [caveat for caveat in row.get("caveats", ()) if caveat not in said],
        "better": row.get("better", ""),
        "strip": _strip(line),
    }


def _strip(line: Line) -> dict[str, Any] | None:
    if line.strip is None:
        return None
    allowed = line.strip.allowed
    return {**asdict(line.strip), "allowed_width": allowed[1] - allowed[0] if allowed else 0}


def number_text(value: float | None, metric: str = "") -> str:
    """A number to as many places as it deserves; shares in percent."""
    if value is None:
        return ""
    if metric in SHARES:
        return f"{100 * value:.3g} %"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _interval(row: Mapping[str, Any], metric: str) -> str:
    low, high, of = row.get("ci_low"), row.get("ci_high"), row.get("ci_of", "value")
    if low is None or high is None:
        return ""
    unit = metric if of == "value" else ""
    words = f"{number_text(low, unit)} to {number_text(high, unit)}"
    return f"{INTERVALS[of]} {words}" if of in INTERVALS else words


def _allowed(line: Line) -> str:
    if line.outcome is None:
        return ""
    bound = "≤" if line.outcome.threshold.endswith("_max") else "≥"
    kind = next((kind for kind in ("ratio", "excess") if f"_{kind}_" in line.outcome.threshold), "")
    return f"{kind} {bound} {number_text(line.outcome.limit, '' if kind else line.metric)}".strip()


def _counts(row: Mapping[str, Any]) -> str:
    groups = row["n_groups"]
    return f"{row['n_synth']} synthetic, {row['n_real']} real in {groups} group{'s' * (groups != 1)}"


def _extent(report: Mapping[str, Any]) -> str:
    """How much stands behind the numbers, for the head of the box of limits."""
    row = next((row for row in report["results"] if not row.get("class_key")), None)
    return f"n = {_counts(row)}" if row else "this n"


def _by_class(report: Mapping[str, Any]) -> dict[str, Any]:
    """A table: one column a class, one row a metric that any class has."""
    found = classes(report)
    labels = {line.metric: line.label for lines in found.values() for line in lines}
    cells = {key: {line.metric: present_line(line) for line in lines} for key, lines in found.items()}
    return {
        "columns": [{"key": key, "n": next(iter(lines.values()))["n"]} for key, lines in cells.items()],
        "rows": [
            {"metric": metric, "label": label, "cells": [lines.get(metric) for lines in cells.values()]}
            for metric, label in labels.items()
        ],
    }


def _histogram(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """How near to a training image: bars for synthetic images, a line for unseen real ones, both as shares."""
    for row in report["results"]:
        found = (row.get("details") or {}).get("histogram")
        if row["metric"] == "nearest_real" and found and not row.get("class_key"):
            return histogram_of(found["edges"], found["synthetic"], found["unseen"])
    return None


def histogram_of(edges: Sequence[float], synthetic: Sequence[int], unseen: Sequence[int]) -> dict[str, Any]:
    """Coordinates of two distributions over the same bins, on a plane of `WIDE` by `HIGH`."""
    shares = [_shares(counts) for counts in (synthetic, unseen)]
    top = max(max(part) for part in shares) or 1.0
    step = WIDE / len(synthetic)
    bars = [
        {
            "x": round(at * step + 1, 1),
            "y": round(HIGH * (1 - share / top), 1),
            "height": round(HIGH * share / top, 1),
        }
        for at, share in enumerate(shares[0])
    ]
    corners = [
        f"{round(x, 1)},{round(HIGH * (1 - share / top), 1)}"
        for at, share in enumerate(shares[1])
        for x in (at * step, (at + 1) * step)
    ]
    return {
        "bars": bars,
        "width": round(step - 2, 1),
        "outline": " ".join(corners),
        "ticks": _ticks(edges, step),
        "high": HIGH,
        "wide": WIDE,
        "frame_wide": WIDE + 8,
        "frame_high": HIGH + 28,
        "label_y": HIGH + 18,
        "table": [
            {
                "from": f"{edges[at]:.2g}",
                "to": f"{edges[at + 1]:.2g}",
                "synthetic": synthetic[at],
                "unseen": unseen[at],
            }
            for at in range(len(synthetic))
            if synthetic[at] or unseen[at]
        ],
    }


def _ticks(edges: Sequence[float], step: float) -> list[dict[str, Any]]:
    """About six edges in words; the outer ones end with the plane, so that none is cut off."""
    last = len(edges) - 1
    ends = {0: "start", last: "end"}
    return [
        {"x": round(at * step, 1), "text": f"{edges[at]:.2g}", "anchor": ends.get(at, "middle")}
        for at in range(0, len(edges), max(1, last // 6))
    ]


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]
