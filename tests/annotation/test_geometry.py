"""Shapes: what is accepted, what is refused and where, and numbers against closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.geometry import (
    MAX_POINTS,
    Bounds,
    Box,
    GeometryError,
    Point,
    Polygon,
    area,
    bounds,
    iou,
    parse_shape,
)

W, H = 64, 48


def parse(kind, geometry):
    return parse_shape(kind, geometry, width=W, height=H)


def test_a_box_a_polygon_and_a_point_are_read_and_written_back():
    box = {"x": 1.0, "y": 2.0, "width": 10.5, "height": 20.0}
    assert parse("box", box).as_json() == box
    triangle = {"points": [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]}
    assert parse("polygon", triangle).as_json() == triangle
    assert parse("point", {"x": 64, "y": 48}) == Point(64.0, 48.0)


def test_coordinates_are_rounded_and_minus_zero_is_zero():
    assert str(parse("point", {"x": -0.0, "y": 1.23456}).as_json()) == "{'x': 0.0, 'y': 1.235}"


def test_rounding_does_not_push_a_box_out_of_the_image():
    assert parse("box", {"x": 10.0005, "y": 0, "width": 53.9995, "height": 48}).width <= 54
    assert parse("box", {"x": 0.0006, "y": 0, "width": 63.9996, "height": 1}).points[2][0] == 64


def test_double_clicks_and_a_closing_point_are_dropped():
    shape = parse("polygon", {"points": [[0, 0], [0, 0], [10, 0], [10, 10], [0, 0]]})
    assert shape == Polygon(((0.0, 0.0), (10.0, 0.0), (10.0, 10.0)))


BAD = [
    ("box", None, ""),
    ("box", [1, 2, 3, 4], ""),
    ("box", {"x": 1, "y": 1, "width": 0, "height": 2}, "width"),
    ("box", {"x": 1, "y": 1, "width": 2, "height": -1}, "height"),
    ("box", {"x": 60, "y": 1, "width": 5, "height": 2}, "width"),
    ("box", {"x": 1, "y": 47, "width": 5, "height": 2}, "height"),
    ("box", {"x": -1, "y": 1, "width": 5, "height": 2}, "x"),
    ("box", {"x": 1, "y": 1, "width": 5}, "height"),
    ("box", {"x": 1, "y": 1, "width": 5, "height": 2, "angle": 3}, "angle"),
    ("box", {"x": "1", "y": 1, "width": 5, "height": 2}, "x"),
    ("box", {"x": True, "y": 1, "width": 5, "height": 2}, "x"),
    ("box", {"x": math.nan, "y": 1, "width": 5, "height": 2}, "x"),
    ("box", {"x": 1, "y": 1, "width": math.inf, "height": 2}, "width"),
    ("box", {"x": 1, "y": 1, "width": 10**400, "height": 2}, "width"),
    ("box", {"x": 1, "y": 1, "width": 0.0001, "height": 2}, "width"),
    ("point", {"x": 65, "y": 1}, "x"),
    ("point", {"x": 1}, "y"),
    ("mask", {}, ""),
    ("circle", {}, ""),
    ("polygon", {}, "points"),
    ("polygon", {"points": "abc"}, "points"),
    ("polygon", {"points": [[0, 0], [1, 1]]}, "points"),
    ("polygon", {"points": [[0, 0], [1, 1], [2, 2]]}, "points"),
    ("polygon", {"points": [[0, 0], [10, 10], [10, 0], [0, 10]]}, "points"),
    ("polygon", {"points": [[0, 0], [10, 0], [5, 0], [5, 5]]}, "points"),
    ("polygon", {"points": [[0, 0], [10, 0], [10, 10], [5, 0], [0, 10]]}, "points"),
    ("polygon", {"points": [[0, 0], [10, 0], [10, 10, 1]]}, "points[2]"),
    ("polygon", {"points": [[0, 0], [10, 0], [10, None]]}, "points[2]"),
    ("polygon", {"points": [[0, 0], [10, 0], [10, 49]]}, "points[2]"),
    ("polygon", {"points": [[i % 60, i % 40] for i in range(MAX_POINTS + 1)]}, "points"),
]


@pytest.mark.parametrize(("kind", "geometry", "path"), BAD)
def test_what_cannot_be_drawn_is_refused_by_the_name_of_its_part(kind, geometry, path):
    with pytest.raises(GeometryError) as refusal:
        parse(kind, geometry)
    assert refusal.value.path == path


def regular(n: int, radius: float = 20, centre: float = 24) -> Polygon:
    angles = [2 * math.pi * i / n for i in range(n)]
    return Polygon(tuple((centre + radius * math.cos(a), centre + radius * math.sin(a)) for a in angles))


@pytest.mark.parametrize("n", [3, 4, 7, 100, MAX_POINTS])
def test_the_area_of_a_regular_polygon(n):
    assert area(regular(n)) == pytest.approx(n / 2 * 20**2 * math.sin(2 * math.pi / n))


def test_a_polygon_of_the_largest_size_is_accepted():
    points = [list(point) for point in regular(MAX_POINTS).points]
    assert len(parse("polygon", {"points": points}).points) == MAX_POINTS


def test_area_and_bounds_of_a_box_a_concave_polygon_and_a_point():
    assert area(Box(1, 1, 4, 5)) == 20
    arrow = Polygon(((0, 0), (10, 0), (10, 10), (5, 5), (0, 10)))
    assert area(arrow) == 75
    assert bounds(arrow) == Bounds(0, 0, 10, 10)
    assert (area(Point(3, 4)), bounds(Point(3, 4))) == (0, Bounds(3, 4, 0, 0))


def test_overlaps_with_closed_forms():
    assert iou(Box(0, 0, 10, 10), Box(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert iou(Box(0, 0, 10, 10), Box(10, 0, 10, 10)) == 0
    triangle = Polygon(((0, 0), (10, 0), (0, 10)))
    assert iou(triangle, Box(0, 0, 10, 10)) == pytest.approx(0.5, abs=0.02)
    assert iou(triangle, triangle) == 1
    assert (iou(Point(1, 1), Point(1, 1)), iou(Point(1, 1), Point(1, 2))) == (1, 0)


boxes = st.builds(
    Box, st.integers(0, 30), st.integers(0, 20), st.integers(1, 30), st.integers(1, 20)
)  # fmt: skip


@given(boxes, boxes)
def test_the_sampled_overlap_follows_the_exact_one(a, b):
    assert iou(Polygon(a.points), Polygon(b.points)) == pytest.approx(iou(a, b), abs=0.06)
    assert iou(a, b) == pytest.approx(iou(b, a))


@given(st.lists(st.tuples(st.integers(0, W), st.integers(0, H)), min_size=3, max_size=8))
def test_no_list_of_points_breaks_the_parser(points):
    try:
        shape = parse("polygon", {"points": [list(point) for point in points]})
    except GeometryError:
        return
    assert area(shape) > 0
    assert parse("polygon", shape.as_json()) == shape


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["x", "y", "width", "points"]), inner)
        ),
    )
)
def test_no_json_breaks_the_parser(geometry):
    for kind in ("box", "polygon", "point"):
        try:
            parse(kind, geometry)
        except GeometryError:
            continue
