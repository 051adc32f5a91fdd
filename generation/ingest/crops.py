"""One crop for each box: where it lies, and how it stays inside the picture.

A crop is moved into the picture rather than filled up, so that every pixel of it is real; only a box that is longer than
the picture is high gets mirrored pixels at two sides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from generation.ingest.boxes import Box
from generation.ingest.picture import Pixels

MARGIN = 0.2
_LONGEST = 2  # times the shorter side of the picture


@dataclass(frozen=True, slots=True)
class CropPlan:
    """How to cut objects out.

    Attributes:
        margin: what is shown around a box, as a share of its longer side, at each side.
        square: whether crops are squares; else they keep the shape of their box.
        side: edge of all crops in pixels of the picture, whatever their box: sizes stay comparable. None follows the box.
    """

    margin: float = MARGIN
    square: bool = True
    side: int | None = None

    def describe(self) -> dict[str, Any]:
        """The same as a record for the data sheet."""
        return {
            "margin": self.margin,
            "square": self.square,
            "side": self.side,
            "beyond the edge": "moved inside",
        }


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle to cut: left, top, width, height, and how far it was moved to lie inside the picture.

    A negative left or top, or an end beyond the picture, is filled with mirrored pixels.
    """

    x: int
    y: int
    width: int
    height: int
    moved: tuple[int, int] = (0, 0)

    def mirrored(self, size: tuple[int, int]) -> bool:
        """Whether it reaches beyond a picture of this width and height."""
        return self.width > size[0] or self.height > size[1]


def place_window(box: Box, size: tuple[int, int], plan: CropPlan, least: int) -> Window | str:
    """Where to cut.

    Args:
        box: the object; what of it lies outside of the picture is left out.
        size: width and height of the picture.
        plan: margin and shape.
        least: smallest edge in pixels; a smaller object is shown with more around it instead of being enlarged.

    Returns:
        The code of a refusal where the middle of the box lies outside, or where most of a square around it would.
    """
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    if not all(0 <= at <= edge for at, edge in zip(middle, size, strict=True)):
        return "box_outside"
    spans = [
        (max(start, 0.0), min(start + length, edge))
        for start, length, edge in zip((box.x, box.y), (box.width, box.height), size, strict=True)
    ]
    if plan.square and max(end - start for start, end in spans) > _LONGEST * min(size):
        return "box_too_long"
    edges = _edges([end - start for start, end in spans], size, plan, least)
    starts = [round((start + end) / 2 - edge / 2) for (start, end), edge in zip(spans, edges, strict=True)]
    inside = [_inside(start, edge, limit) for start, edge, limit in zip(starts, edges, size, strict=True)]
    return Window(inside[0], inside[1], edges[0], edges[1], (inside[0] - starts[0], inside[1] - starts[1]))


def cut_out(pixels: Pixels, window: Window) -> Pixels:
    """The pixels of a window; beyond the edge of the picture they are mirrored."""
    height, width = pixels.shape[:2]
    left, top = max(window.x, 0), max(window.y, 0)
    right, bottom = min(window.x + window.width, width), min(window.y + window.height, height)
    cut = np.ascontiguousarray(pixels[top:bottom, left:right])
    around = [
        (top - window.y, window.y + window.height - bottom),
        (left - window.x, window.x + window.width - right),
    ]
    if not any(map(any, around)):
        return cut
    return np.pad(cut, [*around, *[(0, 0)] * (pixels.ndim - 2)], mode="symmetric")


def notes_of(box: Box, window: Window, size: tuple[int, int]) -> Mapping[str, Any]:
    """How a crop came about, for its row."""
    return {
        "box": [round(value, 2) for value in (box.x, box.y, box.width, box.height)],
        "crop": [window.x, window.y, window.width, window.height],
        "moved": list(window.moved),
        "mirrored": window.mirrored(size),
    }


def _edges(lengths: list[float], size: tuple[int, int], plan: CropPlan, least: int) -> tuple[int, int]:
    """Width and height of the window."""
    around = 2 * plan.margin * max(lengths)
    wished = [max(math.ceil(length + around), least) for length in lengths]
    if plan.side:
        # An object that is larger than the common edge is still shown whole.
        wished = [max(plan.side, math.ceil(length)) for length in lengths]
    if not plan.square:
        width, height = (min(edge, limit) for edge, limit in zip(wished, size, strict=True))
        return width, height
    # The margin gives way before pixels are made up; the object does not.
    edge = max(min(max(wished), min(size)), math.ceil(max(lengths)))
    return edge, edge


def _inside(start: int, edge: int, limit: int) -> int:
    return (limit - edge) // 2 if edge > limit else min(max(start, 0), limit - edge)
