"""What an archive must give back: read from its own labels.json and the pixels that were approved."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from annotation.export import document
from annotation.export.member import restore_shape
from annotation.geometry import area, bounds


@dataclass(frozen=True)
class Truth:
    """An unpacked archive, its labels, and the pixels of every image by digest."""

    folder: Path
    labels: dict[str, Any]
    pixels: dict[str, np.ndarray]

    @property
    def members(self) -> dict[str, dict[str, Any]]:
        return {member["image"]: member for member in self.labels["members"]}

    @property
    def classes(self) -> list[str]:
        return [row["key"] for row in self.labels["schema"]["classes"]]

    def digest_of_pixels(self, image: str) -> str:
        return hashlib.sha256(self.pixels[image].tobytes()).hexdigest()

    def of_split(self, split: str) -> dict[str, dict[str, Any]]:
        return {key: member for key, member in self.members.items() if member.get("split", "") == split}


def unpack(archive: Path, images: Path) -> Truth:
    """Unpack an archive; pixels come from the folder of approved images, not from the archive."""
    folder = archive.with_suffix("")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    labels = json.loads((folder / document.NAME).read_bytes())
    pixels = {}
    for member in labels["members"]:
        with Image.open(images / member["image"]) as picture:
            pixels[member["image"]] = np.asarray(picture)
    return Truth(folder, labels, pixels)


def shape_of(region: dict[str, Any]) -> Any:
    return restore_shape(region["kind"], region["geometry"])


def around(region: dict[str, Any]) -> list[float]:
    """x, y, width, height."""
    box = bounds(shape_of(region))
    return [box.x, box.y, box.width, box.height]


def corners(region: dict[str, Any]) -> list[float]:
    """Left, top, right, bottom."""
    x, y, width, height = around(region)
    return [x, y, round(x + width, 3), round(y + height, 3)]


def objects_of(member: dict[str, Any]) -> dict[str, Any]:
    """The regions of a member in columns, as image folder and Parquet have them."""
    regions = member["regions"]
    return {
        "bbox": [around(region) for region in regions],
        "category": [region["class"] for region in regions],
        "kind": [region["kind"] for region in regions],
        "area": [area(shape_of(region)) for region in regions],
    }
