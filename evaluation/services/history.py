"""Every set of a data set that was measured alike, as points on a plane: what became better, and by more than chance?"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from evaluation.models import Evaluation, EvaluationState, MetricResult

SHOWN = 30
# Width and height of the plot's own coordinates.
WIDE, HIGH = 640, 180


@dataclass(frozen=True)
class Past:
    """One evaluation: Fréchet distance over its floor, with its interval where there is one."""

    evaluation: Evaluation
    ratio: float
    interval: tuple[float, float] | None
    x: float
    y: float
    reach: tuple[float, float] | None  # the interval's ends on the plane


@dataclass(frozen=True)
class History:
    """The points, oldest first, and the heights of the marks beside them."""

    points: tuple[Past, ...]
    marks: tuple[tuple[float, str], ...]  # height and text
    real: float  # the height at which real images stand: ratio 1

    @property
    def frame(self) -> dict[str, int]:
        """The plane with room for words at its left and below."""
        return {"left": -44, "top": -10, "wide": WIDE + 48, "high": HIGH + 32, "right": WIDE, "bottom": HIGH}


def history_of(evaluation: Evaluation, among: QuerySet[Evaluation]) -> History:
    """The Fréchet distance over its floor of all sets of the data set that were measured alike.

    Args:
        evaluation: With which to compare.
        among: What the person who asks may see.
    """
    rows = MetricResult.objects.filter(
        name="fd",
        class_key="",
        ratio__isnull=False,
        evaluation__dataset=evaluation.dataset,
        evaluation__split=evaluation.split,
        evaluation__extractor=evaluation.extractor,
        evaluation__extractor_digest=evaluation.extractor_digest,
        evaluation__state=EvaluationState.SUCCEEDED,
        evaluation__in=among.order_by().values("pk"),
    ).select_related("evaluation__image_set__batch__generator")
    return _plotted(list(reversed(rows.order_by("-evaluation__look_number")[:SHOWN])))


def _plotted(rows: list[MetricResult]) -> History:
    found = [(row.evaluation, row.ratio, _interval(row)) for row in rows if row.ratio is not None]
    highest = max([1.0, *(number for _, ratio, ends in found for number in (ratio, *(ends or ())))])
    step = WIDE / max(len(found), 1)

    def height(ratio: float) -> float:
        return float(round(HIGH * (1 - ratio / (1.1 * highest)), 1))

    points = tuple(
        Past(
            evaluation=evaluation,
            ratio=ratio,
            interval=ends,
            x=round((at + 0.5) * step, 1),
            y=height(ratio),
            reach=ends and (height(ends[0]), height(ends[1])),
        )
        for at, (evaluation, ratio, ends) in enumerate(found)
    )
    # A mark close above the one at 1 would lie on it.
    marked = (0.0, 1.0, highest) if highest > 1.3 else (0.0, 1.0)
    return History(points, tuple((height(ratio), f"{ratio:.3g}") for ratio in marked), height(1.0))


def _interval(row: MetricResult) -> tuple[float, float] | None:
    if row.details.get("ci_of") != "ratio" or row.ci_low is None or row.ci_high is None:
        return None
    return row.ci_low, row.ci_high
