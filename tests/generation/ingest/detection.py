"""Detection sets built in code: a photograph with cells, its Pascal VOC and its COCO annotations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.generation.ingest.builders import encoded, texture

BoxRow = tuple[str, int, int, int, int]
"""Class, left, top, width, height."""

SIZE = (160, 120)
CELLS: tuple[BoxRow, ...] = (("red", 40, 30, 30, 24), ("white", 90, 60, 40, 40), ("red", 2, 3, 20, 20))


def photograph(seed: int, size: tuple[int, int] = SIZE) -> bytes:
    return encoded(texture(seed, (size[1], size[0], 3)))


def voc(
    boxes: Sequence[BoxRow] = CELLS, name: str = "a.png", size: tuple[int, int] | None = SIZE, head: str = ""
) -> bytes:
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
        f"<xmax>{x + width}</xmax><ymax>{y + height}</ymax></bndbox></object>"
        for label, x, y, width, height in boxes
    )
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"{head}<annotation><filename>{name}</filename>{told}{objects}</annotation>".encode()


def coco(pictures: dict[str, Sequence[BoxRow]], **more: Any) -> bytes:
    """All pictures in one file; `more` replaces members of it."""
    classes = sorted({box[0] for boxes in pictures.values() for box in boxes})
    whole = {
        "images": [
            {"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
            for number, name in enumerate(pictures)
        ],
        "annotations": [
            {"id": 0, "image_id": number, "category_id": 7 + classes.index(box[0]), "bbox": list(box[1:])}
            for number, boxes in enumerate(pictures.values())
            for box in boxes
        ],
        "categories": [{"id": 7 + number, "name": name} for number, name in enumerate(classes)],
    }
    return json.dumps({**whole, **more}).encode()
