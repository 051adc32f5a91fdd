"""The curves of a training, thin enough to be sent every few seconds."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Count, Max
from rest_framework.request import Request
from rest_framework.response import Response

from generation.models import Training
from generation.services.curves import thinned
from synthlab.core.api.errors import InvalidQuery
from synthlab.core.api.preconditions import conditional_response

POINTS = 500
FEWEST_POINTS, MOST_POINTS = 10, 5000


def curves_response(request: Request, training: Training) -> Response:
    """All curves of a training, or 304 where the caller has them."""
    points = _points(request)
    # A long run has tens of thousands of points: whether there are new ones must not cost reading them.
    last = training.metrics.aggregate(rows=Count("pk"), step=Max("step"))
    tag = f'W/"{training.pk.hex}-{last["rows"]}-{last["step"]}-{points}"'
    known = {part.strip() for part in request.headers.get("If-None-Match", "").split(",")}
    curves = {} if tag in known else _curves(training, points)
    return conditional_response(request, {"metrics": curves, "points": points}, etag=tag)


def _curves(training: Training, points: int) -> dict[str, list[tuple[int, float]]]:
    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for name, step, value in (
        training.metrics.order_by("step").values_list("name", "step", "value").iterator()
    ):
        curves[name].append((step, value))
    return {name: thinned(curves[name], points) for name in sorted(curves)}


def _points(request: Request) -> int:
    asked = request.query_params.get("points", str(POINTS))
    if unknown := sorted(set(request.query_params) - {"points"}):
        raise InvalidQuery(f"Unknown parameter {unknown[0][:80]!r}. Known here: points.")
    if not (
        asked.isascii() and asked.isdigit() and len(asked) < 6 and FEWEST_POINTS <= int(asked) <= MOST_POINTS
    ):
        raise InvalidQuery(f"points: a whole number from {FEWEST_POINTS} to {MOST_POINTS}.")
    return int(asked)
