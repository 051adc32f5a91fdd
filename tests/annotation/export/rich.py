"""A release with everything in it: several regions and classes on one image, blanks, splits, hostile words. No Django."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from annotation.export.package import write_package
from annotation.export.rows import ClassRow, MemberRow, RegionRow, Release, SchemaRow
from annotation.geometry import Box, Point, Polygon
from tests.annotation.releases import make_release, signed_release

SCHEMA = SchemaRow(
    name='=HYPERLINK("http://x")',
    version=3,
    mode="many",
    classes=(
        ClassRow(
            "gland", "Gland <&> \"'", "finding", code_system="SCT", code="362884007", code_display="Gland"
        ),
        ClassRow("normal", "+Normal", "normal"),
        ClassRow("con", "A key that some systems keep for a device", "finding", colour="#ff0000"),
    ),
    sites=(("colon", "Colon"),),
)
EXTRA = (
    RegionRow("con", "box", Box(0.125, 1.5, 3.001, 2.999)),
    RegionRow("gland", "polygon", Polygon(((3.25, 4.5), (12.75, 5.125), (8.0, 14.375)))),
    RegionRow("normal", "point", Point(0.0, 16.0)),
)
SPLITS = ("train", "train", "val", "test")


def make_rich_release(folder: Path, *, split: bool = False, count: int = 24) -> Release:
    """A release of `count` images that lie in `folder`, named by their digest."""
    plain = make_release(folder, count=count)
    members = tuple(_enriched(place, member, split) for place, member in enumerate(plain.members))
    return signed_release(
        plain,
        name="../Second é\n# heading",
        schema=SCHEMA,
        members=members,
        source={"description": "", "modality": "histology"},
    )


def _enriched(place: int, member: MemberRow, split: bool) -> MemberRow:
    member = replace(member, split=SPLITS[place % len(SPLITS)] if split else "")
    if place == 0:
        return replace(member, classes=("gland", "con"), regions=EXTRA)
    if place == 1:
        return replace(member, site="", confidence=None, reviewers=())
    return member


def without_points(release: Release) -> Release:
    """The same without its points."""
    members = tuple(
        replace(member, regions=tuple(region for region in member.regions if region.kind != "point"))
        for member in release.members
    )
    return signed_release(release, members=members)


def pack(
    folder: Path, format: str, *, split: bool = False, points: bool = True, **options: object
) -> tuple[Path, Release]:
    """The archive of a rich release in one format."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    release = make_rich_release(images, split=split)
    release = release if points else without_points(release)
    target = folder / f"{format}.zip"
    write_package(release, format=format, image_path=images.joinpath, target=target, options=options)
    return target, release
