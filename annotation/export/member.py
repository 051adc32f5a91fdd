"""One image and what was said about it as the signed document has it, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotation.export.rows import ClassRow, MemberRow, RegionRow, SchemaRow
from annotation.geometry import Box, Point, Polygon, Shape


def describe_member(member: MemberRow) -> dict[str, Any]:
    """An image and what was said about it, as the document has it."""
    # A snapshot without splits has the document, and so the digest, that it had before there were any.
    split = {"split": member.split} if member.split else {}
    return {
        **split,
        "image": member.digest,
        "width": member.width,
        "height": member.height,
        "classes": list(member.classes),
        "regions": [
            {"class": region.label, "kind": region.kind, "geometry": region.shape.as_json()}
            for region in member.regions
        ],
        "site": member.site,
        "confidence": member.confidence,
        "reader": member.reader,
        "reviewers": list(member.reviewers),
        "recipe": dict(member.recipe),
    }


def read_member(row: Mapping[str, Any]) -> MemberRow:
    """An image and what was said about it, as `describe_member` wrote them."""
    regions = tuple(
        RegionRow(region["class"], region["kind"], restore_shape(region["kind"], region["geometry"]))
        for region in row["regions"]
    )
    return MemberRow(
        digest=row["image"],
        width=row["width"],
        height=row["height"],
        classes=tuple(row["classes"]),
        regions=regions,
        site=row["site"],
        confidence=row["confidence"],
        reader=row["reader"],
        reviewers=tuple(row["reviewers"]),
        recipe=row["recipe"],
        split=row.get("split", ""),
    )


def read_schema(row: Mapping[str, Any]) -> SchemaRow:
    """A schema, as `describe_schema` wrote it."""
    return SchemaRow(
        name=row["name"],
        version=row["version"],
        mode=row["mode"],
        classes=tuple(map(read_class, row["classes"])),
        sites=tuple((site["key"], site["title"]) for site in row["sites"]),
    )


def read_class(row: Mapping[str, Any]) -> ClassRow:
    """A class of the schema, as `describe_schema` wrote it."""
    code = row["code"] or {"system": "", "code": "", "display": ""}
    return ClassRow(
        key=row["key"],
        title=row["title"],
        kind=row["kind"],
        code_system=code["system"],
        code=code["code"],
        code_display=code["display"],
    )


def restore_shape(kind: str, geometry: Mapping[str, Any]) -> Shape:
    """A shape from the JSON it was written as; it was checked when it was drawn."""
    if kind == "box":
        return Box(**geometry)
    if kind == "point":
        return Point(**geometry)
    return Polygon(tuple((x, y) for x, y in geometry["points"]))
