"""Boxes of a detection set: what an annotation says about one picture, checked number by number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLASS_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Box:
    """One object.

    Attributes:
        number: which of the picture's boxes it is, in the order of the file, from 1.
        label: its class.
        x: left edge in pixels from the picture's left edge.
        y: upper edge in pixels from the picture's upper edge.
        width: in pixels, more than 0.
        height: in pixels, more than 0.
    """

    number: int
    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Unusable:
    """A box that cannot be cut out, and why: a code of `rejection.DETAILS` and the facts that its sentence names."""

    number: int
    code: str
    facts: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PictureBoxes:
    """What one annotation says about one picture.

    Attributes:
        picture: the picture's name as the annotation writes it; only to find the picture by.
        size: width and height of the picture that was annotated, where that is said.
        boxes: the objects.
        unusable: what was left out of them.
    """

    picture: str
    size: tuple[int, int] | None
    boxes: tuple[Box, ...]
    unusable: tuple[Unusable, ...] = ()


def boxes_of(picture: str, size: tuple[Any, Any], found: Sequence[Box | Unusable]) -> PictureBoxes:
    """Sort out what was read of one picture; a size that is not told, or no size at all, counts as unknown."""
    width, height = (number(value) for value in size)
    return PictureBoxes(
        picture,
        (int(width), int(height)) if width and height and min(width, height) >= 1 else None,
        tuple(entry for entry in found if isinstance(entry, Box)),
        tuple(entry for entry in found if isinstance(entry, Unusable)),
    )


def check_box(place: int, label: Any, edges: Sequence[Any]) -> Box | Unusable:
    """A box, if it is one.

    Args:
        place: its number in its picture.
        label: its class as the file gives it.
        edges: left, top, width, height as the file gives them.
    """
    numbers = [number(value) for value in edges]
    if len(numbers) != 4 or any(value is None for value in numbers):
        return Unusable(place, "box_layout")
    x, y, width, height = (value or 0.0 for value in numbers)
    if width <= 0 or height <= 0:
        return Unusable(place, "box_no_area", {"width": f"{width:g}", "height": f"{height:g}"})
    if (name := class_name(label)) is None:
        return Unusable(place, "box_class", {"limit": CLASS_LENGTH})
    return Box(place, name, x, y, width, height)


def class_name(label: Any) -> str | None:
    """A class that can be stored, or None."""
    name = label.strip() if isinstance(label, str) else ""
    return name if name and name.isprintable() and len(name) <= CLASS_LENGTH else None


def number(value: Any) -> float | None:
    """A finite number of a sensible size, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) and abs(parsed) < 2**31 else None
