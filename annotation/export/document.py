"""The canonical document of a snapshot: what its digest, and so its signature, is about.

Every export carries these very bytes as `annotations/labels.json`, so that the SHA-256 of that file is the digest that
was signed, and anyone can check it without us.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annotation.export.canonical import canonical_json
from annotation.export.rows import ClassRow, MemberRow, SchemaRow

NAME = "annotations/labels.json"
FORMAT = "synthlab-labels"
VERSION = 1


def write_document(schema: SchemaRow, members: Sequence[MemberRow]) -> bytes:
    """The bytes whose SHA-256 is the digest of the snapshot.

    Args:
        schema: The label schema of the study.
        members: The approved images, in the order of their digests.

    Raises:
        ValueError: The members are not in order, or one stands there twice.
    """
    digests = [member.digest for member in members]
    if digests != sorted(set(digests)):
        raise ValueError("the members of a snapshot stand once each, in the order of their digests")
    return canonical_json(
        {
            "format": FORMAT,
            "version": VERSION,
            "schema": describe_schema(schema),
            "members": [_describe_member(member) for member in members],
        }
    )


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


def _describe_member(member: MemberRow) -> dict[str, Any]:
    return {
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
