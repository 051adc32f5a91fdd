"""Shapes in image pixels: origin at the top left corner, x to the right, y down, edges at 0 and at the size.

A pixel with index (i, j) covers the square from (i, j) to (i + 1, j + 1), so a box around one pixel has an area of 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_POINTS = 1000
DECIMALS = 3
_GRID = 128


class GeometryError(ValueError):
    """A shape that cannot be: `path` names the part of the geometry that is wrong."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(detail)
        self.path = path
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest upright rectangle around a shape, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle; (x, y) is its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The four corners, clockwise on the screen from the upper left."""
        right, bottom = round(self.x + self.width, DECIMALS), round(self.y + self.height, DECIMALS)
        return ((self.x, self.y), (right, self.y), (right, bottom), (self.x, bottom))

    def as_json(self) -> dict[str, Any]:
        """The geometry as it is stored and sent."""
        return {"x": self.x, "y": self.y, "width": self.width, "height": self.height}


@dataclass(frozen=True, slots=True)
class Polygon:
    """A simple closed polygon; the last point is joined to the first and not repeated."""

    points: tuple[tuple[float, float], ...]

    def as_json(self) -> dict[str, Any]:
        """The geometry as it is stored and sent."""
        return {"points": [list(point) for point in self.points]}


@dataclass(frozen=True, slots=True)
class Point:
    """A single place."""

    x: float
    y: float

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The place itself, as a list of one."""
        return ((self.x, self.y),)

    def as_json(self) -> dict[str, Any]:
        """The geometry as it is stored and sent."""
        return {"x": self.x, "y": self.y}


Shape = Box | Polygon | Point


def parse_shape(kind: str, geometry: object, *, width: int, height: int) -> Shape:
    """Read a shape from JSON and refuse what cannot be drawn in the image.

    Coordinates are rounded to a thousandth of a pixel, so that the same shape is stored the same way everywhere.

    Args:
        kind: `box`, `polygon` or `point`.
        geometry: `{"x", "y", "width", "height"}`, `{"points": [[x, y], …]}` or `{"x", "y"}`.
        width: Width of the image in pixels.
        height: Height of the image in pixels.

    Raises:
        GeometryError: Unknown kind, wrong members, outside the image, no area, crossing itself, or too many points.
    """
    if not isinstance(geometry, Mapping):
        raise GeometryError("", "A geometry is an object with named members.")
    if kind == "box":
        return _parse_box(geometry, width, height)
    if kind == "polygon":
        return _parse_polygon(geometry, width, height)
    if kind == "point":
        _only(geometry, {"x", "y"})
        return Point(_within(geometry, "x", width), _within(geometry, "y", height))
    raise GeometryError(
        "", f"Shapes of the kind {kind!r} are not accepted here; draw a box, polygon or point."
    )


def area(shape: Shape) -> float:
    """The exact area in square pixels: width × height, or the shoelace formula; 0 for a point."""
    if isinstance(shape, Box):
        return shape.width * shape.height
    return abs(_signed_area(shape.points))


def bounds(shape: Shape) -> Bounds:
    """The smallest upright rectangle around the shape."""
    xs = [x for x, _ in shape.points]
    ys = [y for _, y in shape.points]
    return Bounds(min(xs), min(ys), round(max(xs) - min(xs), DECIMALS), round(max(ys) - min(ys), DECIMALS))


def iou(first: Shape, second: Shape) -> float:
    """Intersection over union, between 0 and 1.

    Exact for two boxes. Otherwise both shapes are sampled at the centres of a fixed 128 × 128 grid over their common
    bounds: within about 0.02 of the true value for shapes whose edges are short against their area. Two points have an
    overlap of 1 when they are the same place and 0 otherwise.
    """
    if isinstance(first, Point) or isinstance(second, Point):
        return 1.0 if first == second else 0.0
    if isinstance(first, Box) and isinstance(second, Box):
        return _box_iou(first, second)
    x, y = _sample_grid(first, second)
    inside_first, inside_second = _contains(first.points, x, y), _contains(second.points, x, y)
    union = int(np.count_nonzero(inside_first | inside_second))
    return int(np.count_nonzero(inside_first & inside_second)) / union if union else 0.0


def raster(shape: Shape, *, width: int, height: int) -> NDArray[np.bool_]:
    """The pixels whose centres lie inside the shape, (height, width); a point covers none.

    Args:
        shape: A shape in pixels of the image.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
    """
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return _contains(shape.points, x, y)


def _parse_box(geometry: Mapping[Any, Any], width: int, height: int) -> Box:
    _only(geometry, {"x", "y", "width", "height"})
    x, y = _within(geometry, "x", width), _within(geometry, "y", height)
    box_width, box_height = _number(geometry.get("width"), "width"), _number(geometry.get("height"), "height")
    for name, value in (("width", box_width), ("height", box_height)):
        if value <= 0:
            raise GeometryError(name, "A box must have a width and a height above zero.")
    box_width, box_height = _fit(x, box_width, width), _fit(y, box_height, height)
    if x + box_width > width + 1e-9:
        raise GeometryError("width", f"The box ends outside the image, which is {width} pixels wide.")
    if y + box_height > height + 1e-9:
        raise GeometryError("height", f"The box ends outside the image, which is {height} pixels high.")
    return Box(x, y, box_width, box_height)


def _fit(start: float, length: float, limit: int) -> float:
    """Take back what rounding start and length alone may have added beyond the image's edge."""
    over = start + length - limit
    return round(limit - start, DECIMALS) if 0 < over <= 2 * 10**-DECIMALS else length


def _parse_polygon(geometry: Mapping[Any, Any], width: int, height: int) -> Polygon:
    _only(geometry, {"points"})
    given = geometry.get("points")
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise GeometryError("points", "A polygon needs a list of points [x, y].")
    if len(given) > MAX_POINTS:
        raise GeometryError(
            "points", f"A polygon has at most {MAX_POINTS} points; this one has {len(given)}."
        )
    points = _without_repeats([_parse_pair(pair, i, width, height) for i, pair in enumerate(given)])
    if len(points) < 3:
        raise GeometryError("points", "A polygon needs at least three different points.")
    if abs(_signed_area(points)) < 1e-6:
        raise GeometryError("points", "The polygon encloses no area.")
    if _crosses_itself(np.asarray(points, dtype=np.float64)):
        raise GeometryError("points", "The outline of the polygon crosses or touches itself.")
    return Polygon(tuple(points))


def _parse_pair(pair: object, index: int, width: int, height: int) -> tuple[float, float]:
    path = f"points[{index}]"
    if not isinstance(pair, Sequence) or isinstance(pair, str | bytes) or len(pair) != 2:
        raise GeometryError(path, "A point is a pair of numbers [x, y].")
    x, y = _number(pair[0], path), _number(pair[1], path)
    if not (0 <= x <= width and 0 <= y <= height):
        raise GeometryError(path, f"The point lies outside the image of {width} × {height} pixels.")
    return x, y


def _only(geometry: Mapping[Any, Any], names: set[str]) -> None:
    unknown = sorted(str(name) for name in geometry if name not in names)
    if unknown:
        raise GeometryError(unknown[0], f"Unknown member; expected {', '.join(sorted(names))}.")


def _within(geometry: Mapping[Any, Any], name: str, limit: int) -> float:
    value = _number(geometry.get(name), name)
    if not 0 <= value <= limit:
        raise GeometryError(name, f"Outside the image: expected 0 to {limit}.")
    return value


def _number(value: object, path: str) -> float:
    # bool is an int in Python, but true is no coordinate.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GeometryError(path, "Expected a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise GeometryError(path, "Expected a finite number.")
    return round(number, DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0


def _without_repeats(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Drop a point that repeats the one before it (a double click), and a closing one."""
    kept = [point for i, point in enumerate(points) if i == 0 or point != points[i - 1]]
    while len(kept) > 1 and kept[0] == kept[-1]:
        kept.pop()
    return kept


def _signed_area(points: Sequence[tuple[float, float]]) -> float:
    following = [*points[1:], points[0]]
    pairs = zip(points, following, strict=True)
    return math.fsum(a[0] * b[1] - b[0] * a[1] for a, b in pairs) / 2


def _crosses_itself(points: NDArray[np.float64]) -> bool:
    """Whether two edges share a point that they should not; all pairs at once, (n, n)."""
    n = len(points)
    start, end = points, np.roll(points, -1, axis=0)
    if _folds_back(start, end):
        return True
    if n == 3:
        return False
    # side[i, j]: on which side of edge i the start (and end) of edge j lies
    side_start = np.sign(_turn(start, end, start))
    side_end = np.sign(_turn(start, end, end))
    straddles = side_start * side_end <= 0
    low, high = np.minimum(start, end), np.maximum(start, end)
    overlaps = np.all((low[:, None] <= high[None]) & (low[None] <= high[:, None]), axis=2)
    touching = straddles & straddles.T & overlaps
    index = np.arange(n)
    gap = np.abs(index[:, None] - index[None])
    return bool(np.any(touching & (np.minimum(gap, n - gap) > 1)))


def _turn(
    start: NDArray[np.float64], end: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cross product of edge i with the way from its start to point j: (n, n)."""
    edge = end - start
    way = other[None] - start[:, None]
    turn: NDArray[np.float64] = edge[:, None, 0] * way[..., 1] - edge[:, None, 1] * way[..., 0]
    return np.where(np.abs(turn) < 1e-9, 0.0, turn)


def _folds_back(start: NDArray[np.float64], end: NDArray[np.float64]) -> bool:
    """Whether an edge runs back along the one before it."""
    edge = end - start
    after = np.roll(edge, -1, axis=0)
    cross = edge[:, 0] * after[:, 1] - edge[:, 1] * after[:, 0]
    dot = np.sum(edge * after, axis=1)
    return bool(np.any((np.abs(cross) < 1e-9) & (dot < 0)))


def _box_iou(first: Box, second: Box) -> float:
    across = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
    down = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    common = max(across, 0.0) * max(down, 0.0)
    return common / (area(first) + area(second) - common)


def _sample_grid(first: Shape, second: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = np.asarray([*first.points, *second.points], dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x, y = np.meshgrid(low[0] + steps * (high[0] - low[0]), low[1] + steps * (high[1] - low[1]))
    return x, y


def _contains(
    points: Sequence[tuple[float, float]], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The even-odd rule for every grid point (g, g)."""
    inside = np.zeros(x.shape, dtype=np.bool_)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        if ay == by:
            continue
        crossing = (ay > y) != (by > y)
        inside ^= crossing & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return inside
