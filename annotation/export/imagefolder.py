"""Images in a folder for each class with `metadata.jsonl` beside them, as Hugging Face `imagefolder` reads them.

torchvision's `ImageFolder` reads the same folders. An image of several classes lies in a folder named by all of them
(`gland.stroma`); keys of classes hold no point, so that no other class can be meant.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from annotation.export.canonical import canonical_json
from annotation.export.formats import Format, Member, Option, Source
from annotation.export.images import check_images, describe_pngs, grouped_pngs
from annotation.export.ledger import CODES, RECIPE, LossKind
from annotation.export.member import describe_member
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, Release
from annotation.export.spool import at_places, places_by_split
from annotation.geometry import area, bounds

ROOT = "data/"
METADATA = "metadata.jsonl"
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
# Names that some systems keep for devices.
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
_NO_CLASS = "_none"


def write_imagefolder(source: Source) -> Iterator[Member]:
    """The images by split and class, and for each split the list of what was said about them."""
    release, layout = source.release, str(source.options["folders"])
    names = _folder_names([row.key for row in release.schema.classes])
    folder_of = _folder_of(names, layout)
    splits = places_by_split(release.members)
    columns = _typed_columns(release, splits)
    lists = (
        Member(f"{ROOT}{_split(split)}{METADATA}", _metadata(release, places, folder_of, columns))
        for split, places in splits.items()
    )
    images = grouped_pngs(source, lambda member: f"{ROOT}{_split(member.split)}{folder_of(member.classes)}")
    yield from heapq.merge(lists, images, key=lambda member: member.name)


def check_imagefolder(opened: Opened, labels: Mapping[str, Any]) -> None:
    """Every list tells of the images of its split and of what the labels say about them.

    Raises:
        BadArchiveError: One does not.
    """
    expected: dict[str, list[Mapping[str, Any]]] = {}
    for member in labels["members"]:
        expected.setdefault(f"{ROOT}{_split(member.get('split', ''))}{METADATA}", []).append(member)
    present = {name for name in opened.under(ROOT) if name.endswith(METADATA)}
    for name in sorted(expected.keys() ^ present):
        raise BadArchiveError(name, "is of no split in the labels, or missing")
    layout = opened.json("manifest.json")["writer"]["options"]["folders"]
    folder_of = _folder_of(_folder_names([row["key"] for row in labels["schema"]["classes"]]), layout)

    def locate(member: Mapping[str, Any]) -> str:
        return f"{ROOT}{_split(member.get('split', ''))}{folder_of(member['classes'])}{member['image']}.png"

    check_images(opened, labels, locate, ROOT)
    for name, members in expected.items():
        rows = [json.loads(line) for line in opened.text(name).splitlines()]
        found = [(row["file_name"], row["image_id"], row["labels"]) for row in rows]
        folder = name.removesuffix(METADATA)
        wanted = [
            (locate(m).removeprefix(folder), m["image"], canonical_json(m).decode().strip()) for m in members
        ]
        if found != wanted:
            raise BadArchiveError(name, "tells of other images than the labels, or says other things")


def _typed_columns(release: Release, splits: Mapping[str, Sequence[int]]) -> frozenset[str]:
    """The columns of which every split has a value.

    Hugging Face takes the types of a column from its values, and refuses splits whose types differ, as those of a split
    without any region or any confidence would. Such a column stands in no split then; `labels` has its values.
    """
    given = {
        "objects": lambda member: bool(member.regions),
        "confidence": lambda member: member.confidence is not None,
    }
    return frozenset(
        name
        for name, has in given.items()
        if len(splits) == 1
        or all(any(map(has, at_places(release.members, rows))) for rows in splits.values())
    )


def _metadata(
    release: Release, places: Sequence[int], folder_of: Callable[[Any], str], columns: frozenset[str]
) -> Iterator[bytes]:
    for member in at_places(release.members, places):
        line = _line(member, folder_of)
        left_out = {"objects", "confidence"} - columns
        yield canonical_json({name: value for name, value in line.items() if name not in left_out})


def _line(member: MemberRow, folder_of: Callable[[Any], str]) -> dict[str, Any]:
    around = [bounds(region.shape) for region in member.regions]
    return {
        "file_name": f"{folder_of(member.classes)}{member.digest}.png",
        "image_id": member.digest,
        "width": member.width,
        "height": member.height,
        "classes": list(member.classes),
        "site": member.site,
        "confidence": member.confidence,
        "objects": {
            "bbox": [[box.x, box.y, box.width, box.height] for box in around],
            "category": [region.label for region in member.regions],
            "kind": [region.kind for region in member.regions],
            "area": [area(region.shape) for region in member.regions],
        },
        "labels": canonical_json(describe_member(member)).decode().strip(),
    }


def _split(split: str) -> str:
    return f"{split}/" if split else ""


def _folder_of(names: Mapping[str, str], layout: str) -> Callable[[Any], str]:
    if layout == "flat":
        return lambda classes: ""
    return lambda classes: ".".join(names[key] for key in classes or ("",)) + "/"


def _folder_names(keys: list[str]) -> dict[str, str]:
    """A plain folder name for each class, whatever its key is."""
    names = {"": _NO_CLASS}
    for number, key in enumerate(keys, start=1):
        plain = _KEY.fullmatch(key) and not _DEVICES.fullmatch(key)
        names[key] = key if plain else f"_class-{number}"
    return names


def _front_matter(release: Release) -> tuple[str, ...]:
    return ("---", "configs:", "- config_name: default", '  data_dir: "data"', "---", "")


IMAGEFOLDER = Format(
    key="imagefolder",
    title="Image folder with metadata.jsonl",
    summary="Hugging Face datasets (`imagefolder`), torchvision `ImageFolder`, and people with a file browser",
    write=write_imagefolder,
    check=check_imagefolder,
    owns=(ROOT,),
    options=(
        Option(
            name="folders",
            title="Folders",
            default="class",
            choices=("class", "flat"),
        ),
    ),
    losses=(
        CODES,
        LossKind(
            "folder_of_several",
            "A folder stands for one class; images of several lie in a folder named by all of them.",
            lambda tally: tally.extra_labels,
            only_with=("folders", "class"),
        ),
        LossKind(
            "types_of_a_split",
            "Boxes have a column of their own only where every split has some; otherwise they stand in `labels` alone.",
            lambda tally: tally.regions if tally.splits else 0,
        ),
        LossKind(
            "typed_outlines",
            "Outlines of polygons have no column of their own type; they stand as JSON text in `labels`.",
            lambda tally: tally.polygons + tally.masks,
        ),
        LossKind(
            "typed_recipe",
            "People and recipe have no columns of their own; they stand as JSON text in `labels`.",
            RECIPE.count,
        ),
    ),
    layout=("`data/`: images (a folder for each split and class) and `metadata.jsonl`.",),
    croissant=lambda release: describe_pngs("data/**/*.png"),
    front_matter=_front_matter,
)
