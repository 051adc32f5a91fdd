"""CVAT for images 1.1: one XML file with boxes, polygons, points and tags, and the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from defusedxml.ElementTree import fromstring

from annotation.export.formats import Format, Member, Source
from annotation.export.images import all_pngs, check_images, describe_pngs
from annotation.export.ledger import CODES, CONFIDENCE, PEOPLE, RECIPE, SITE
from annotation.export.member import restore_shape
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, RegionRow, Release
from annotation.export.spool import places_by_split
from annotation.export.xml import HEAD, element, leaf, opening
from annotation.geometry import Box, Point

ANNOTATIONS = "annotations.xml"
IMAGES = "images/"
_COLOUR = "#33ddff"


def write_cvat(source: Source) -> Iterator[Member]:
    """The file of annotations, then the images."""
    yield Member(ANNOTATIONS, _document(source.release))
    yield from all_pngs(source, IMAGES)


def check_cvat(opened: Opened, labels: Mapping[str, Any]) -> None:
    """The file tells of the images, tags and regions of the labels, in their order.

    Raises:
        BadArchiveError: It does not.
    """
    check_images(opened, labels, lambda member: f"{IMAGES}{member['image']}.png", IMAGES)
    tree = fromstring(opened.read(ANNOTATIONS))
    names = [row.findtext("name") for row in tree.iterfind("meta/*/labels/label")]
    if names != [row["key"] for row in labels["schema"]["classes"]]:
        raise BadArchiveError(ANNOTATIONS, "has other classes than the labels")
    rows = tree.findall("image")
    if len(rows) != len(labels["members"]):
        raise BadArchiveError(ANNOTATIONS, "has more or fewer images than the labels")
    for row, member in zip(rows, labels["members"], strict=True):
        _check_image(row, member)


def _check_image(row: Any, member: Mapping[str, Any]) -> None:
    told = (row.get("name"), int(row.get("width")), int(row.get("height")), row.get("subset") or "")
    if told != (f"{member['image']}.png", member["width"], member["height"], member.get("split", "")):
        raise BadArchiveError(ANNOTATIONS, f"image {row.get('id')} is not that of the labels")
    if [tag.get("label") for tag in row.findall("tag")] != member["classes"]:
        raise BadArchiveError(ANNOTATIONS, f"image {row.get('id')} has other classes than the labels")
    found = [_found(shape) for shape in row if shape.tag != "tag"]
    if found != [_wanted(region) for region in member["regions"]]:
        raise BadArchiveError(ANNOTATIONS, f"image {row.get('id')} has other regions than the labels")


def _found(shape: Any) -> tuple[str, str, list[float]]:
    if shape.tag == "box":
        return ("box", shape.get("label"), [float(shape.get(side)) for side in ("xtl", "ytl", "xbr", "ybr")])
    numbers = [float(number) for pair in shape.get("points").split(";") for number in pair.split(",")]
    return ("point" if shape.tag == "points" else shape.tag, shape.get("label"), numbers)


def _wanted(region: Mapping[str, Any]) -> tuple[str, str, list[float]]:
    points = restore_shape(region["kind"], region["geometry"]).points
    corners = (points[0], points[2]) if region["kind"] == "box" else points
    return (region["kind"], region["class"], [number for point in corners for number in point])


def _document(release: Release) -> Iterator[bytes]:
    labels = "".join(
        element(
            "label", leaf("name", row.key) + leaf("color", row.colour or _COLOUR) + leaf("attributes", "")
        )
        for row in release.schema.classes
    )
    about = leaf("name", release.name) + leaf("size", len(release.members))
    if release.is_split:
        # A project has subsets: CVAT lists them in one element, datumaro looks for one element each.
        splits = list(places_by_split(release.members))
        told = leaf("subsets", "\n".join(splits)) + "".join(leaf("subset", split) for split in splits)
        meta = element("project", about + told + element("labels", labels))
    else:
        meta = element("task", about + element("labels", labels))
    head = leaf("version", "1.1") + "\n" + element("meta", meta)
    yield f"{HEAD}<annotations>\n{head}\n".encode()
    for number, member in enumerate(release.members):
        yield _image(number, member).encode()
    yield b"</annotations>\n"


def _image(number: int, member: MemberRow) -> str:
    subset = {"subset": member.split} if member.split else {}
    about = {"id": number, "name": f"{member.digest}.png", **subset}
    parts = [opening("image", **about, width=member.width, height=member.height)]
    parts += [element("tag", label=key, source="manual") for key in member.classes]
    parts += [_shape(region) for region in member.regions]
    return "\n".join([*parts, "</image>\n"])


def _shape(region: RegionRow) -> str:
    common = {"label": region.label, "source": "manual", "occluded": 0}
    if isinstance(region.shape, Box):
        (left, top), _, (right, bottom), _ = region.shape.points
        return element("box", **common, xtl=left, ytl=top, xbr=right, ybr=bottom, z_order=0)
    name = "points" if isinstance(region.shape, Point) else "polygon"
    points = ";".join(f"{x},{y}" for x, y in region.shape.points)
    return element(name, **common, points=points, z_order=0)


CVAT = Format(
    key="cvat",
    title="CVAT for images 1.1",
    summary="CVAT (to look at and correct), datumaro",
    write=write_cvat,
    check=check_cvat,
    owns=(ANNOTATIONS, IMAGES),
    losses=(SITE, CONFIDENCE, PEOPLE, RECIPE, CODES),
    layout=(
        "`annotations.xml`: boxes, polygons, points, and the classes of whole images as tags.",
        "`images/`: the images, each named by the SHA-256 of its bytes.",
    ),
    croissant=lambda release: describe_pngs("images/*.png"),
)
