"""Curves thin enough to be drawn: what stands out is kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[int, float]


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points of a curve: of each stretch its lowest and its highest, and the first and last of all.

    A mean would hide the single spike that a person looks for.

    Args:
        points: (step, value) in the order of steps.
        most: at least 4.
    """
    if len(points) <= most:
        return list(points)
    inner = points[1:-1]
    stretches = (most - 2) // 2
    kept: set[Point] = {points[0], points[-1]}
    for number in range(stretches):
        stretch = inner[len(inner) * number // stretches : len(inner) * (number + 1) // stretches]
        kept |= {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
    return sorted(kept)
