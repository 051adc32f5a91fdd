"""Two evaluations side by side, where their numbers mean the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from evaluation.ml.outline import Line, outline
from evaluation.models import Evaluation, EvaluationState
from evaluation.services.gating import thresholds_of
from evaluation.services.reporting import present_line, report_of
from synthlab.core.exceptions import Conflict

_NUMBERS = (
    "value", "floor", "ratio", "ci_low", "ci_high", "ci_of", "p_value", "n_real", "n_synth", "n_groups", "status",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One metric of both; None where one of them has no such number."""

    metric: str
    label: str
    better: str
    first: Line | None
    second: Line | None
    apart: bool | None  # whether the intervals do not touch; None where there is no interval

    @property
    def cells(self) -> tuple[dict[str, Any] | None, ...]:
        """Both numbers in words, for a table."""
        return tuple(None if line is None else present_line(line) for line in (self.first, self.second))

    def as_json(self) -> dict[str, Any]:
        """Both numbers as numbers."""
        numbers = [
            line and {name: line.result.get(name) for name in _NUMBERS} for line in (self.first, self.second)
        ]
        return {
            "metric": self.metric,
            "label": self.label,
            "better": self.better,
            "first": numbers[0],
            "second": numbers[1],
            "intervals_apart": self.apart,
        }


def comparable_with(evaluation: Evaluation) -> QuerySet[Evaluation]:
    """The other finished evaluations that may stand beside this one, newest first."""
    return Evaluation.objects.filter(
        dataset=evaluation.dataset,
        split=evaluation.split,
        extractor=evaluation.extractor,
        extractor_digest=evaluation.extractor_digest,
        state=EvaluationState.SUCCEEDED,
    ).exclude(pk=evaluation.pk)


def compare_evaluations(first: Evaluation, second: Evaluation) -> list[Row]:
    """All overall numbers of two evaluations, in the order of the report.

    Raises:
        Conflict: One has not succeeded, or they were measured by other extractors or against other real images:
            their numbers do not mean the same.
    """
    _refuse_unlike(first, second)
    found = []
    for evaluation in (first, second):
        parts = outline(report_of(evaluation), thresholds_of(evaluation.policy))
        found.append({line.metric: line for part in parts for line in part.lines})
    ours, theirs = found
    return [
        Row(
            metric=name,
            label=(ours.get(name) or theirs[name]).label,
            better=str((ours.get(name) or theirs[name]).result.get("better", "")),
            first=ours.get(name),
            second=theirs.get(name),
            apart=_apart(ours[name].result, theirs[name].result) if name in ours and name in theirs else None,
        )
        for name in dict.fromkeys((*ours, *theirs))
    ]


def _refuse_unlike(first: Evaluation, second: Evaluation) -> None:
    if {first.state, second.state} != {EvaluationState.SUCCEEDED}:
        raise Conflict(
            "evaluation_not_finished", "Both evaluations must have succeeded before they can be compared."
        )
    if (first.extractor, first.extractor_digest) != (second.extractor, second.extractor_digest):
        raise Conflict(
            "other_extractor",
            f"One was measured with {first.extractor}, the other with {second.extractor}: distances over different "
            "features never compare. Evaluate both with the same extractor.",
        )
    if (first.dataset_id, first.split) != (second.dataset_id, second.split) or _real(first) != _real(second):
        raise Conflict(
            "other_split",
            "They were measured against other real images, so a difference may come from those. Evaluate both against the "
            "same split as it is now.",
        )


def _real(evaluation: Evaluation) -> tuple[str | None, ...]:
    """Digests of the real sets that were measured against: images may have been added or withdrawn in between."""
    sets = evaluation.report.get("sets", {})
    return tuple(sets.get(name, {}).get("digest") for name in ("reference", "training"))


def _apart(first: Any, second: Any) -> bool | None:
    edges = [row.get(name) for row in (first, second) for name in ("ci_low", "ci_high")]
    if any(edge is None for edge in edges) or first.get("ci_of") != second.get("ci_of"):
        return None
    return bool(edges[1] < edges[2] or edges[3] < edges[0])
