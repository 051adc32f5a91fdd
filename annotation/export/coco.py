"""COCO instances JSON: boxes and polygons as objects, points as key points, classes of the image beside its size.

Numbers are stable: an image's number is its place in the snapshot, a category's its place in the schema, both from 1.
Areas are exact (width × height, shoelace formula) in square pixels; the format has no pixel raster of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotation.export.canonical import canonical_json
from annotation.export.rows import RegionRow, Release, TextFile
from annotation.geometry import Point, area, bounds

INSTANCES = "annotations/instances.json"
POINTS = "annotations/points.json"
LOSSES = (
    "Site, confidence, readers and reviewers stand in annotations/labels.json only.",
    "The classes of a whole image stand in the extra member `classes` of its entry in `images`.",
    "Points stand in annotations/points.json as key points, because an object of COCO has an area.",
)


def write_coco(release: Release) -> list[TextFile]:
    """The annotation files of a release; points get a file of their own where there are any."""
    files = [TextFile(INSTANCES, canonical_json(_document(release, points=False)))]
    if any(isinstance(region.shape, Point) for member in release.members for region in member.regions):
        files.append(TextFile(POINTS, canonical_json(_document(release, points=True))))
    return files


def _document(release: Release, *, points: bool) -> dict[str, Any]:
    return {
        "info": {
            "description": f"{release.name}: synthetic images with approved labels",
            "version": release.digest,
            "date_created": release.created_at,
            "contributor": "SynthLab",
            "url": "",
            "year": int(release.created_at[:4]),
        },
        "licenses": [{"id": 1, "name": release.licence or "not stated", "url": ""}],
        "categories": _categories(release, points=points),
        "images": [
            {
                "id": number,
                "file_name": member.file_name,
                "width": member.width,
                "height": member.height,
                "license": 1,
                "classes": list(member.classes),
                "synthetic": True,
            }
            for number, member in enumerate(release.members, start=1)
        ],
        "annotations": list(_annotations(release, points=points)),
    }


def _categories(release: Release, *, points: bool) -> list[dict[str, Any]]:
    extra: dict[str, Any] = {"keypoints": ["point"], "skeleton": []} if points else {}
    return [
        {"id": number, "name": row.key, "title": row.title, "supercategory": row.kind, **extra}
        for number, row in enumerate(release.schema.classes, start=1)
    ]


def _annotations(release: Release, *, points: bool) -> Iterator[dict[str, Any]]:
    category = {row.key: number for number, row in enumerate(release.schema.classes, start=1)}
    number = 0
    for image_number, member in enumerate(release.members, start=1):
        for region in member.regions:
            if isinstance(region.shape, Point) != points:
                continue
            number += 1
            place = {"id": number, "image_id": image_number, "category_id": category[region.label]}
            yield {**place, **_object(region)}


def _object(region: RegionRow) -> dict[str, Any]:
    around = bounds(region.shape)
    common = {
        "bbox": [around.x, around.y, around.width, around.height],
        "area": area(region.shape),
        "iscrowd": 0,
        "attributes": {"shape": region.kind},
    }
    if isinstance(region.shape, Point):
        return {**common, "keypoints": [region.shape.x, region.shape.y, 2], "num_keypoints": 1}
    outline = [coordinate for point in region.shape.points for coordinate in point]
    return {**common, "segmentation": [outline]}
