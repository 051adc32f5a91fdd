"""Measured numbers as pages show them."""

from __future__ import annotations

from typing import Any

from evaluation.models import MetricResult

INTERVALS = {"value": "95 % interval", "ratio": "95 % interval of the ratio"}


def shown_metric(metric: MetricResult) -> dict[str, Any]:
    """A metric row as the component shows it: rounded, with its floor, interval and n."""
    return {
        "label": metric.details.get("label", metric.name),
        "value": rounded(metric.value),
        "low": rounded(metric.ci_low),
        "high": rounded(metric.ci_high),
        "of_ratio": metric.details.get("ci_of") == "ratio",
        "interval_label": INTERVALS.get(metric.details.get("ci_of"), INTERVALS["value"]),
        "floor": rounded(metric.floor),
        "ratio": rounded(metric.ratio),
        "p_value": metric.details.get("p_text") or rounded(metric.p_value),
        "status": metric.status,
        "n": f"{metric.n_real} real, {metric.n_synth} synthetic, {metric.n_groups} groups",
        "method": metric.details.get("method", ""),
        "caveats": metric.details.get("caveats", []),
    }


def rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
