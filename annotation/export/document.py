"""The canonical document of a snapshot: what its digest, and so its signature, is about.

Every export carries these very bytes as `annotations/labels.json`, so that the SHA-256 of that file is the digest that
was signed, and anyone can check it without us.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from annotation.export.canonical import Items, json_parts
from annotation.export.rows import ClassRow, MemberRow, RegionRow, SchemaRow
from annotation.geometry import Box, Point, Polygon, Shape

NAME = "annotations/labels.json"
FORMAT = "synthlab-labels"
VERSION = 1


def write_document(schema: SchemaRow, members: Iterable[MemberRow]) -> bytes:
    """The bytes whose SHA-256 is the digest of the snapshot.

    Args:
        schema: The label schema of the study.
        members: The approved images, in the order of their digests.

    Raises:
        ValueError: The members are not in order, or one stands there twice.
    """
    return b"".join(document_parts(schema, members))


def document_parts(schema: SchemaRow, members: Iterable[MemberRow]) -> Iterator[bytes]:
    """The same bytes, a member at a time."""
    yield from json_parts(
        {
            "format": FORMAT,
            "version": VERSION,
            "schema": describe_schema(schema),
            "members": Items(_describe_members(members)),
        }
    )


def _describe_members(members: Iterable[MemberRow]) -> Iterator[dict[str, Any]]:
    before = ""
    for member in members:
        if member.digest <= before:
            raise ValueError("the members of a snapshot stand once each, in the order of their digests")
        before = member.digest
        yield describe_member(member)


def describe_schema(schema: SchemaRow) -> dict[str, Any]:
    """The schema as it stands in documents and manifests."""
    return {
        "name": schema.name,
        "version": schema.version,
        "mode": schema.mode,
        "classes": [_describe_class(row) for row in schema.classes],
        "sites": [{"key": key, "title": title} for key, title in schema.sites],
    }


def _describe_class(row: ClassRow) -> dict[str, Any]:
    code = {"system": row.code_system, "code": row.code, "display": row.code_display} if row.code else None
    return {"key": row.key, "title": row.title, "kind": row.kind, "code": code}


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
