"""COCO instances JSON: boxes and polygons as objects, points as key points, classes of the image beside its size.

Numbers are stable: an image's number is its place in the snapshot, a category's its place in the schema, both from 1.
Areas are exact (width × height, shoelace formula) in square pixels; the format has no pixel raster of its own. A split
snapshot has its own files for each split, `annotations/instances_train.json` with the images in `images/train/`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from annotation.export.canonical import Items, WrittenItems, canonical_json, json_parts
from annotation.export.formats import Format, Member, Source
from annotation.export.images import check_images, describe_pngs, name_by_split, pngs_by_split, split_folder
from annotation.export.ledger import CODES, CONFIDENCE, PEOPLE, RECIPE, SITE, LossKind
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, RegionRow, Release
from annotation.export.spool import at_places, places_by_split
from annotation.geometry import Point, area, bounds

INSTANCES = "annotations/instances_default.json"
POINTS = "annotations/points_default.json"
IMAGES = "images/"


def write_coco(source: Source) -> Iterator[Member]:
    """The annotation files of a release, then its images; points get a file of their own where there are any."""
    release = source.release
    splits = places_by_split(release.members)
    asides = {
        split: _Aside(source.scratch / f"images-{split}.jsonl", source.scratch / f"points-{split}.jsonl")
        for split in splits
    }
    for split, places in splits.items():
        aside = asides[split]
        objects = Items(_objects(release, places, aside))
        yield Member(_file(INSTANCES, split), _document(release, objects, aside, points=False))
    for split, aside in asides.items():
        if aside.points.stat().st_size:
            points = WrittenItems(aside.points)
            yield Member(_file(POINTS, split), _document(release, points, aside, points=True))
    yield from pngs_by_split(source, partial(split_folder, IMAGES))


def check_coco(opened: Opened, labels: Mapping[str, Any]) -> None:
    """Every file of COCO tells of the images and regions of its split, in their order, and of no other.

    Raises:
        BadArchiveError: One does not.
    """
    check_images(opened, labels, name_by_split(IMAGES), IMAGES)
    category = {row["key"]: number for number, row in enumerate(labels["schema"]["classes"], start=1)}
    splits: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for number, member in enumerate(labels["members"], start=1):
        splits.setdefault(member.get("split", ""), []).append((number, member))
    expected = set()
    for split, rows in splits.items():
        for name, points in ((_file(INSTANCES, split), False), (_file(POINTS, split), True)):
            if points and not any(r["kind"] == "point" for _, member in rows for r in member["regions"]):
                continue
            expected.add(name)
            _check_file(opened, name, rows, category, points=points)
    for file in (INSTANCES, POINTS):
        for name in sorted({*opened.under(file.removesuffix("default.json"))} - expected):
            raise BadArchiveError(name, "is of no split in the labels")


def _check_file(
    opened: Opened,
    name: str,
    rows: list[tuple[int, Mapping[str, Any]]],
    category: Mapping[str, int],
    *,
    points: bool,
) -> None:
    data = opened.json(name)
    images = [
        (row["id"], row["file_name"], row["width"], row["height"], row["classes"]) for row in data["images"]
    ]
    if images != [(n, f"{m['image']}.png", m["width"], m["height"], m["classes"]) for n, m in rows]:
        raise BadArchiveError(name, "lists other images than the labels")
    if {row["name"]: row["id"] for row in data["categories"]} != dict(category):
        raise BadArchiveError(name, "has other categories than the labels")
    expected = [
        (number, category[region["class"]], region["kind"], _corners(region))
        for number, member in rows
        for region in member["regions"]
        if (region["kind"] == "point") == points
    ]
    for row, wanted in zip(data["annotations"], expected, strict=False):
        found = (row["image_id"], row["category_id"], row["attributes"]["shape"], _found_corners(row))
        if found != wanted:
            raise BadArchiveError(name, f"annotation {row['id']} is not that of the labels")
    if len(data["annotations"]) != len(expected):
        raise BadArchiveError(name, "has more or fewer regions than the labels")


def _corners(region: Mapping[str, Any]) -> list[float]:
    """The numbers of a region of the labels, as the format has them."""
    shape = region["geometry"]
    if region["kind"] == "point":
        return [shape["x"], shape["y"], 2]
    if region["kind"] == "box":
        return [shape["x"], shape["y"], shape["width"], shape["height"]]
    return [coordinate for point in shape["points"] for coordinate in point]


def _found_corners(row: Mapping[str, Any]) -> list[float]:
    kind = row["attributes"]["shape"]
    if kind == "point":
        return list(row["keypoints"])
    return list(row["bbox"] if kind == "box" else row["segmentation"][0])


def _file(name: str, split: str) -> str:
    return name.replace("default", split) if split else name


@dataclass(frozen=True, slots=True)
class _Aside:
    """What the one pass over the members of a split puts aside for later: rows of images, and points."""

    images: Path
    points: Path


def _document(
    release: Release, annotations: Items | WrittenItems, aside: _Aside, *, points: bool
) -> Iterator[bytes]:
    return json_parts(
        {
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
            "images": WrittenItems(
                aside.images
            ),  # written by the time annotations are, which stand before them
            "annotations": annotations,
        }
    )


def _image(number: int, member: MemberRow) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": f"{member.digest}.png",
        "width": member.width,
        "height": member.height,
        "license": 1,
        "classes": list(member.classes),
        "synthetic": True,
    }


def _categories(release: Release, *, points: bool) -> list[dict[str, Any]]:
    extra: dict[str, Any] = {"keypoints": ["point"], "skeleton": []} if points else {}
    return [
        {"id": number, "name": row.key, "title": row.title, "supercategory": row.kind, **extra}
        for number, row in enumerate(release.schema.classes, start=1)
    ]


def _objects(release: Release, places: Sequence[int], aside: _Aside) -> Iterator[dict[str, Any]]:
    """Boxes and polygons; the rest of what the members say is put aside on the way, so that they are read only once."""
    category = {row.key: number for number, row in enumerate(release.schema.classes, start=1)}
    objects, points = itertools.count(1), itertools.count(1)
    with aside.images.open("wb") as image_file, aside.points.open("wb") as point_file:
        for place, member in zip(places, at_places(release.members, places), strict=True):
            image_file.write(canonical_json(_image(place + 1, member)))
            for region in member.regions:
                seat = {"image_id": place + 1, "category_id": category[region.label], **_object(region)}
                if isinstance(region.shape, Point):
                    point_file.write(canonical_json({"id": next(points), **seat}))
                else:
                    yield {"id": next(objects), **seat}


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


COCO = Format(
    key="coco",
    title="COCO instances with images",
    summary="pycocotools, torchvision, Detectron2, MMDetection and most tools for detection",
    write=write_coco,
    check=check_coco,
    owns=("annotations/instances_", "annotations/points_", IMAGES),
    losses=(
        SITE,
        CONFIDENCE,
        PEOPLE,
        RECIPE,
        CODES,
        LossKind(
            "standard_image_classes",
            "Readers of plain COCO pass over the classes of a whole image, which stand in an extra member.",
            lambda tally: tally.labels,
        ),
        LossKind(
            "points_apart",
            "Points stand in a file of key points, because an object of COCO has an area.",
            lambda tally: tally.points,
        ),
    ),
    layout=(
        "`annotations/instances_default.json` (or one a split): boxes and polygons.",
        "`annotations/points_default.json`: points as key points, where there are any.",
        "`images/`: the images, each named by the SHA-256 of its bytes.",
    ),
    croissant=lambda release: describe_pngs("images/**/*.png" if release.is_split else "images/*.png"),
)
