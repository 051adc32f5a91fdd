"""Label Studio JSON: a task for each image with its answer, and the labelling configuration that they belong to.

Positions are percents of width and height. Images are named as Label Studio's local storage serves them when the
unpacked archive is its document root; `images/` of the archive holds the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from annotation.export.canonical import canonical_json
from annotation.export.formats import Format, Member, Source
from annotation.export.images import all_pngs, check_images, describe_pngs
from annotation.export.ledger import CODES, LossKind
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, RegionRow, Release
from annotation.export.xml import element
from annotation.geometry import Box, Point

CONFIG, TASKS, IMAGES = "config.xml", "tasks.json", "images/"
SERVED = "/data/local-files/?d=images/"
_TOOLS = {"box": "rectanglelabels", "polygon": "polygonlabels", "point": "keypointlabels"}
_TAGS = {"box": "RectangleLabels", "polygon": "PolygonLabels", "point": "KeyPointLabels"}
# A percent may be off by its rounding.
_CLOSE = 1e-9


def write_labelstudio(source: Source) -> Iterator[Member]:
    """The configuration, the images, and the tasks."""
    schema = source.release.schema
    points = any(region.kind == "point" for row in source.release.members for region in row.regions)
    config = _config([row.key for row in schema.classes], schema.mode, points=points)
    yield Member(CONFIG, config.encode())
    yield from all_pngs(source, IMAGES)
    yield Member(TASKS, _tasks(source.release))


def check_labelstudio(opened: Opened, labels: Mapping[str, Any]) -> None:
    """The tasks are the images of the labels in their order, each with its classes and regions.

    Raises:
        BadArchiveError: They are not.
    """
    check_images(opened, labels, lambda member: f"{IMAGES}{member['image']}.png", IMAGES)
    schema = labels["schema"]
    points = any(region["kind"] == "point" for row in labels["members"] for region in row["regions"])
    keys = [row["key"] for row in schema["classes"]]
    if opened.text(CONFIG) != _config(keys, schema["mode"], points=points):
        raise BadArchiveError(CONFIG, "has other classes than the labels")
    tasks = opened.json(TASKS)
    if len(tasks) != len(labels["members"]):
        raise BadArchiveError(TASKS, "has more or fewer tasks than the labels have images")
    for task, member in zip(tasks, labels["members"], strict=True):
        _check_task(task, member)


def _check_task(task: Mapping[str, Any], member: Mapping[str, Any]) -> None:
    where = f"task {task['id']}"
    if (task["data"]["image"], task["data"]["digest"]) != (
        f"{SERVED}{member['image']}.png",
        member["image"],
    ):
        raise BadArchiveError(TASKS, f"{where} is about another image than the labels")
    (answer,) = task["annotations"]
    chosen = [row["value"]["choices"] for row in answer["result"] if row["type"] == "choices"]
    if chosen != ([member["classes"]] if member["classes"] else []):
        raise BadArchiveError(TASKS, f"{where} has other classes than the labels")
    rows = [row for row in answer["result"] if row["type"] in _TOOLS.values()]
    if len(rows) != len(member["regions"]):
        raise BadArchiveError(TASKS, f"{where} has more or fewer regions than the labels")
    for row, region in zip(rows, member["regions"], strict=True):
        tool = _TOOLS[region["kind"]]
        wanted = _percents_of(region, member["width"], member["height"])
        found = _flat(row["value"])
        near = len(found) == len(wanted) and all(
            abs(a - b) <= _CLOSE for a, b in zip(found, wanted, strict=True)
        )
        if row["type"] != tool or row["value"][tool] != [region["class"]] or not near:
            raise BadArchiveError(TASKS, f"{where} has another region than the labels")


def _flat(value: Mapping[str, Any]) -> list[float]:
    if "points" in value:
        return [number for point in value["points"] for number in point]
    names = ("x", "y") if "keypointlabels" in value else ("x", "y", "width", "height")
    return [value[name] for name in names]


def _percents_of(region: Mapping[str, Any], width: int, height: int) -> list[float]:
    shape = region["geometry"]
    if "points" in shape:
        return [n for x, y in shape["points"] for n in (100 * x / width, 100 * y / height)]
    sides = {"x": width, "y": height, "width": width, "height": height}
    return [100 * shape[name] / side for name, side in sides.items() if name in shape]


def _tasks(release: Release) -> Iterator[bytes]:
    rows = (_task(number, member) for number, member in enumerate(release.members, start=1))
    separator = b"[\n"
    for row in rows:
        yield separator + canonical_json(row).rstrip()
        separator = b",\n"
    yield b"\n]\n"


def _task(number: int, member: MemberRow) -> dict[str, Any]:
    results = [_result(place, region, member) for place, region in enumerate(member.regions, start=1)]
    if member.classes:
        choices = {"type": "choices", "value": {"choices": list(member.classes)}}
        results.insert(0, {**_frame("classes", member), "from_name": "classes", **choices})
    split = {"split": member.split} if member.split else {}
    return {
        "id": number,
        "data": {
            "image": f"{SERVED}{member.digest}.png",
            "digest": member.digest,
            "site": member.site,
            "confidence": member.confidence,
            "reader": member.reader,
            "reviewers": list(member.reviewers),
            "recipe": dict(member.recipe),
            **split,
        },
        "annotations": [{"id": number, "result": results, "was_cancelled": False, "ground_truth": True}],
        "predictions": [],
    }


def _frame(key: str, member: MemberRow) -> dict[str, Any]:
    return {
        "id": key,
        "to_name": "image",
        "original_width": member.width,
        "original_height": member.height,
        "image_rotation": 0,
    }


def _result(place: int, region: RegionRow, member: MemberRow) -> dict[str, Any]:
    tool = _TOOLS[region.kind]
    return {
        **_frame(f"region-{place}", member),
        "from_name": region.kind,
        "type": tool,
        "value": {**_value(region, member.width, member.height), tool: [region.label]},
    }


def _value(region: RegionRow, width: int, height: int) -> dict[str, Any]:
    shape = region.shape
    if isinstance(shape, Box):
        return {
            "x": 100 * shape.x / width,
            "y": 100 * shape.y / height,
            "width": 100 * shape.width / width,
            "height": 100 * shape.height / height,
            "rotation": 0,
        }
    if isinstance(shape, Point):
        return {"x": 100 * shape.x / width, "y": 100 * shape.y / height, "width": 1}
    return {"points": [[100 * x / width, 100 * y / height] for x, y in shape.points], "closed": True}


def _config(keys: list[str], mode: str, *, points: bool) -> str:
    """The tools; none for points where there are none: converters call all classes one where there is."""
    choice = "multiple" if mode == "many" else "single"
    parts = [
        element("Image", name="image", value="$image"),
        element(
            "Choices",
            "".join(element("Choice", value=key) for key in keys),
            name="classes",
            toName="image",
            choice=choice,
        ),
    ]
    for kind, tag in _TAGS.items():
        if kind == "point" and not points:
            continue
        # Converters number key points by `model_index`; for other tools it says nothing.
        labels = "".join(element("Label", value=key, model_index=place) for place, key in enumerate(keys))
        parts.append(element(tag, labels, name=kind, toName="image"))
    return element("View", "\n" + "\n".join(parts) + "\n") + "\n"


LABELSTUDIO = Format(
    key="labelstudio",
    title="Label Studio JSON",
    summary="Label Studio (to look at and correct) and its converters",
    write=write_labelstudio,
    check=check_labelstudio,
    owns=(CONFIG, IMAGES, TASKS),
    losses=(
        CODES,
        LossKind(
            "unread_data",
            "Site, confidence, people and recipe stand in `data` of a task, which converters pass over.",
            lambda tally: tally.sites + tally.confidences + 2 * tally.images + tally.reviews,
        ),
    ),
    layout=(
        "`tasks.json`: a task for each image with its answer; `config.xml`: the labelling configuration.",
        "`images/`: the images; tasks name them as local storage with this folder as document root serves them.",
    ),
    croissant=lambda release: describe_pngs("images/*.png"),
)
