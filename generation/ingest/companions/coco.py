"""COCO: one JSON for many pictures. Bounded by its caller, and every member looked at before it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.ingest.boxes import Box, PictureBoxes, Unusable, boxes_of, check_box
from generation.ingest.rejection import RejectedError

Key = int | str


@dataclass(frozen=True, slots=True)
class CocoFile:
    """Pictures with their boxes, and annotations that belong to none of them (by their number in the file)."""

    pictures: tuple[PictureBoxes, ...]
    strays: tuple[Unusable, ...]


def read_coco(content: bytes) -> CocoFile:
    """The boxes of one annotation file, ``bbox`` = left, top, width, height.

    Raises:
        RejectedError: ``annotation_damaged``, or ``annotation_layout`` for another JSON.
    """
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RejectedError("annotation_damaged") from error
    images, annotations = _rows(data, "images"), _rows(data, "annotations")
    if images is None or annotations is None:
        raise RejectedError("annotation_layout")
    classes = {key: entry.get("name") for key, entry in _by_key(_rows(data, "categories") or [], "id")}
    found: dict[Key, list[Box | Unusable]] = {key: [] for key, _ in _by_key(images, "id")}
    strays = []
    for place, entry in enumerate(annotations, start=1):
        key = _key(entry.get("image_id"))
        if key is None or key not in found:
            strays.append(Unusable(place, "annotation_no_picture"))
        else:
            found[key].append(_box(len(found[key]) + 1, entry, classes))
    pictures = tuple(
        boxes_of(
            str(entry.get("file_name") or "").strip(), (entry.get("width"), entry.get("height")), found[key]
        )
        for key, entry in _by_key(images, "id")
    )
    return CocoFile(pictures, tuple(strays))


def _box(place: int, entry: Mapping[str, Any], classes: Mapping[Key, Any]) -> Box | Unusable:
    if entry.get("iscrowd"):
        return Unusable(place, "box_crowd")
    edges = entry.get("bbox")
    key = _key(entry.get("category_id"))
    label = classes.get(key) if key is not None else None
    return check_box(place, label, edges if isinstance(edges, list) else ())


def _rows(data: Any, name: str) -> list[Mapping[str, Any]] | None:
    """A list of objects under a name; None where it is none."""
    rows = data.get(name) if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows


def _by_key(rows: list[Mapping[str, Any]], name: str) -> list[tuple[Key, Mapping[str, Any]]]:
    return [(key, row) for row in rows if (key := _key(row.get(name))) is not None]


def _key(value: Any) -> Key | None:
    return value if isinstance(value, int | str) else None
