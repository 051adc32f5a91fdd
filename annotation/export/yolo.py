"""YOLO text labels in the layout of Ultralytics: `data.yaml`, `images/SPLIT/`, `labels/SPLIT/`.

A line is the class number (from 0, in the order of the schema) and fractions of width and height: centre, width and
height of a box, or with the task `segment` the corners of an outline. An image without a region has an empty file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from annotation.export.formats import Format, Member, Option, Source
from annotation.export.images import check_images, describe_pngs, pngs_by_split
from annotation.export.ledger import BESIDE, IMAGE_CLASSES, POINTS, LossKind
from annotation.export.member import restore_shape
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, Release
from annotation.export.spool import at_places, places_by
from annotation.geometry import Point, Shape, bounds

YAML = "data.yaml"
IMAGES, LABELS = "images/", "labels/"
_UNSPLIT = "all"
# A fraction may be off by half of the last of its nine digits.
_CLOSE = 1e-9


def write_yolo(source: Source) -> Iterator[Member]:
    """The list of classes, the images, then a text file for each of them."""
    members = source.release.members
    splits = places_by(members, _split)
    yield Member(YAML, _yaml(source.release, list(splits), str(source.options["task"])).encode())
    yield from pngs_by_split(source, lambda split: f"{IMAGES}{split or _UNSPLIT}/")
    numbers = {row.key: number for number, row in enumerate(source.release.schema.classes)}
    for split, places in splits.items():
        for member in at_places(members, places):
            text = "".join(_lines(member, numbers, str(source.options["task"])))
            yield Member(f"{LABELS}{split}/{member.digest}.txt", text.encode())


def check_yolo(opened: Opened, labels: Mapping[str, Any]) -> None:
    """Every image has its file of lines, each the region of the labels that stands at its place.

    Raises:
        BadArchiveError: One does not.
    """

    def stem(member: Mapping[str, Any]) -> str:
        return f"{member.get('split') or _UNSPLIT}/{member['image']}"

    check_images(opened, labels, lambda member: f"{IMAGES}{stem(member)}.png", IMAGES)
    classes = [row["key"] for row in labels["schema"]["classes"]]
    _check_yaml(opened, classes)
    expected = {f"{LABELS}{stem(member)}.txt": member for member in labels["members"]}
    for name in sorted(expected.keys() ^ set(opened.under(LABELS))):
        raise BadArchiveError(name, "stands in the labels or among the files, but not in both")
    for name, member in expected.items():
        _check_lines(name, opened.text(name), member, classes)


def _check_yaml(opened: Opened, classes: list[str]) -> None:
    lines = opened.text(YAML).splitlines()
    names = lines[lines.index("names:") + 1 :] if "names:" in lines else []
    if names != [f"  {number}: {json.dumps(key)}" for number, key in enumerate(classes)]:
        raise BadArchiveError(YAML, "has other classes than the labels")


def _check_lines(name: str, text: str, member: Mapping[str, Any], classes: list[str]) -> None:
    regions = [region for region in member["regions"] if region["kind"] != "point"]
    lines = text.splitlines()
    if len(lines) != len(regions):
        raise BadArchiveError(name, "has more or fewer regions than the labels")
    for line, region in zip(lines, regions, strict=True):
        number, *fractions = line.split()
        found = [float(fraction) for fraction in fractions]
        shape = restore_shape(region["kind"], region["geometry"])
        size = (member["width"], member["height"])
        wanted = _box(shape, *size) if len(found) == 4 else _outline(shape, *size)
        near = len(found) == len(wanted) and all(
            abs(a - b) <= _CLOSE for a, b in zip(found, wanted, strict=True)
        )
        if classes[int(number)] != region["class"] or not near:
            raise BadArchiveError(name, "has another region than the labels")


def _split(member: MemberRow) -> str:
    return member.split or _UNSPLIT


def _yaml(release: Release, splits: list[str], task: str) -> str:
    """Ultralytics asks for `train` and `val`; where the snapshot has neither, both are everything there is."""
    places = {key: f"{IMAGES}{key}" for key in ("train", "val", "test") if key in splits}
    for key in ("train", "val"):
        places.setdefault(key, f"{IMAGES}{splits[0] if splits else _UNSPLIT}")
    remark = "" if release.is_split else "# This snapshot is not split: train and val are the same images.\n"
    lines = [f"{key}: {places[key]}" for key in ("train", "val", "test") if key in places]
    names = [f"  {number}: {json.dumps(row.key)}" for number, row in enumerate(release.schema.classes)]
    return f"# Task: {task}\n{remark}path: .\n" + "\n".join([*lines, "names:", *names]) + "\n"


def _lines(member: MemberRow, numbers: Mapping[str, int], task: str) -> Iterator[str]:
    draw = _outline if task == "segment" else _box
    for region in member.regions:
        if isinstance(region.shape, Point):
            continue
        fractions = draw(region.shape, member.width, member.height)
        yield " ".join([str(numbers[region.label]), *(f"{value:.9f}" for value in fractions)]) + "\n"


def _box(shape: Shape, width: int, height: int) -> list[float]:
    around = bounds(shape)
    return [
        (around.x + around.width / 2) / width, (around.y + around.height / 2) / height, around.width / width,
        around.height / height,
    ]  # fmt: skip


def _outline(shape: Shape, width: int, height: int) -> list[float]:
    return [value for x, y in shape.points for value in (x / width, y / height)]


YOLO = Format(
    key="yolo",
    title="YOLO (Ultralytics layout)",
    summary="Ultralytics, supervision, and most training code for YOLO",
    write=write_yolo,
    check=check_yolo,
    owns=(YAML, IMAGES, LABELS),
    options=(Option(name="task", title="Task", default="detect", choices=("detect", "segment")),),
    losses=(
        *BESIDE,
        IMAGE_CLASSES,
        POINTS,
        LossKind(
            "outlines",
            "Outlines of polygons become the boxes around them.",
            lambda tally: tally.polygons + tally.masks,
            only_with=("task", "detect"),
        ),
        LossKind(
            "box_or_outline",
            "A box becomes an outline of four corners; that it was a box is not there.",
            lambda tally: tally.boxes,
            only_with=("task", "segment"),
        ),
        LossKind(
            "region_ids",
            "Regions have no numbers, only their place in the file.",
            lambda tally: tally.regions,
        ),
    ),
    layout=(
        "`data.yaml`: classes and splits; start training in the folder it lies in.",
        "`images/` and `labels/`: a picture and a text file of the same stem for each image.",
    ),
    croissant=lambda release: describe_pngs("images/*/*.png"),
)
