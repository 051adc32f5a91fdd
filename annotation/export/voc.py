"""Pascal VOC: an XML file for each image, lists of images by split, and the pictures as PNG under `JPEGImages/`.

Coordinates are ours: fractions of pixels from the upper left edge, not the whole numbers from 1 of the year 2007.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from defusedxml.ElementTree import fromstring

from annotation.export.formats import Format, Member, Source
from annotation.export.images import all_pngs, check_images, describe_pngs
from annotation.export.ledger import BESIDE, IMAGE_CLASSES, POINTS, LossKind
from annotation.export.member import restore_shape
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, RegionRow, Release
from annotation.export.spool import at_places, places_by
from annotation.export.xml import element, leaf, plain
from annotation.geometry import DECIMALS, Point, Shape, bounds

ANNOTATIONS, SETS, IMAGES, MAP = "Annotations/", "ImageSets/Main/", "JPEGImages/", "labelmap.txt"
_UNSPLIT = "default"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def write_voc(source: Source) -> Iterator[Member]:
    """Annotations, lists, pictures, and the map of classes."""
    release = source.release
    for member in release.members:
        yield Member(f"{ANNOTATIONS}{member.digest}.xml", _annotation(member).encode())
    for split, places in places_by(release.members, lambda member: member.split or _UNSPLIT).items():
        yield Member(f"{SETS}{split}.txt", _names(release, places))
    yield from all_pngs(source, IMAGES)
    yield Member(MAP, _label_map([row.key for row in release.schema.classes]).encode())


def check_voc(opened: Opened, labels: Mapping[str, Any]) -> None:
    """Every image has its XML file with the boxes of the labels, and stands in the list of its split.

    Raises:
        BadArchiveError: One does not.
    """
    check_images(opened, labels, lambda member: f"{IMAGES}{member['image']}.png", IMAGES)
    if opened.text(MAP) != _label_map([row["key"] for row in labels["schema"]["classes"]]):
        raise BadArchiveError(MAP, "has other classes than the labels")
    expected = {f"{ANNOTATIONS}{member['image']}.xml": member for member in labels["members"]}
    for name in sorted(expected.keys() ^ set(opened.under(ANNOTATIONS))):
        raise BadArchiveError(name, "stands in the labels or among the files, but not in both")
    lists: dict[str, list[str]] = {}
    for name, member in expected.items():
        _check_annotation(name, opened.read(name), member)
        lists.setdefault(f"{SETS}{member.get('split') or _UNSPLIT}.txt", []).append(member["image"])
    for name in sorted(lists.keys() ^ set(opened.under(SETS))):
        raise BadArchiveError(name, "is of no split in the labels, or missing")
    for name, digests in lists.items():
        if opened.text(name).split() != digests:
            raise BadArchiveError(name, "lists other images than the labels")


def _check_annotation(name: str, data: bytes, member: Mapping[str, Any]) -> None:
    tree = fromstring(data)
    size = [int(tree.findtext(f"size/{side}", "0")) for side in ("width", "height")]
    if tree.findtext("filename") != f"{member['image']}.png" or size != [member["width"], member["height"]]:
        raise BadArchiveError(name, "is about another image than its name says")
    found = [
        (row.findtext("name"), *(float(row.findtext(f"bndbox/{side}", "nan")) for side in _SIDES))
        for row in tree.findall("object")
    ]
    wanted = [
        (region["class"], *_corners_of(region)) for region in member["regions"] if region["kind"] != "point"
    ]
    if found != wanted:
        raise BadArchiveError(name, "has other regions than the labels")


def _corners_of(region: Mapping[str, Any]) -> tuple[float, float, float, float]:
    return _corners(restore_shape(region["kind"], region["geometry"]))


def _corners(shape: Shape) -> tuple[float, float, float, float]:
    """The box around a shape; the far corner is rounded as coordinates are, so that a sum shows no error of its own."""
    around = bounds(shape)
    right, bottom = round(around.x + around.width, DECIMALS), round(around.y + around.height, DECIMALS)
    return (around.x, around.y, right, bottom)


def _annotation(member: MemberRow) -> str:
    size = "".join(leaf(*row) for row in (("width", member.width), ("height", member.height), ("depth", 3)))
    parts = [
        leaf("folder", IMAGES.rstrip("/")),
        leaf("filename", f"{member.digest}.png"),
        element("source", leaf("database", "SynthLab") + leaf("image", "synthetic")),
        element("size", size),
        leaf("segmented", 0),
        *(_object(region) for region in member.regions if not isinstance(region.shape, Point)),
    ]
    return element("annotation", "\n" + "\n".join(parts) + "\n") + "\n"


def _object(region: RegionRow) -> str:
    box = "".join(leaf(side, value) for side, value in zip(_SIDES, _corners(region.shape), strict=True))
    facts = leaf("name", region.label) + leaf("pose", "Unspecified") + leaf("truncated", 0)
    return element("object", facts + leaf("difficult", 0) + element("bndbox", box))


def _names(release: Release, places: Sequence[int]) -> Iterator[bytes]:
    for member in at_places(release.members, places):
        yield f"{member.digest}\n".encode()


def _label_map(keys: list[str]) -> str:
    """Classes with colours, as tools of VOC expect them; `background` stands first there."""
    rows = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    for number, key in enumerate(keys):
        rgb = colorsys.hsv_to_rgb(number / len(keys), 1.0, 1.0)
        rows.append(f"{plain(key)}:{','.join(str(round(255 * part)) for part in rgb)}::")
    return "\n".join(rows) + "\n"


VOC = Format(
    key="voc",
    title="Pascal VOC XML",
    summary="datumaro, CVAT, LabelImg and older code for detection",
    write=write_voc,
    check=check_voc,
    owns=(ANNOTATIONS, SETS, IMAGES, MAP),
    losses=(
        *BESIDE,
        IMAGE_CLASSES,
        POINTS,
        LossKind(
            "outlines",
            "Outlines of polygons become the boxes around them.",
            lambda tally: tally.polygons + tally.masks,
        ),
        LossKind(
            "region_ids",
            "Regions have no numbers, only their place in the file.",
            lambda tally: tally.regions,
        ),
    ),
    layout=(
        "`Annotations/`: an XML file for each image; coordinates are fractions of pixels from the upper left edge.",
        "`ImageSets/Main/`: the images of each split; `default.txt` where there is none.",
        "`JPEGImages/`: the pictures, which are PNG.",
        "`labelmap.txt`: the classes.",
    ),
    croissant=lambda release: describe_pngs("JPEGImages/*.png"),
)
