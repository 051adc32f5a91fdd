"""The canonical document of a snapshot: what its digest, and so its signature, is about.

Every export carries these very bytes as `annotations/labels.json`, so that the SHA-256 of that file is the digest that
was signed, and anyone can check it without us.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from typing import Any

from annotation.export.canonical import Items, WrittenItems, json_parts, normal_text
from annotation.export.member import describe_member
from annotation.export.rows import ClassRow, MemberRow, SchemaRow
from annotation.export.spool import SpooledMembers

NAME = "annotations/labels.json"
FORMAT = "synthlab-labels"
VERSION = 1
SPLIT_VERSION = 2  # each member tells its split; without splits the document is, byte for byte, of version 1


def write_document(schema: SchemaRow, members: Iterable[MemberRow]) -> bytes:
    """The bytes whose SHA-256 is the digest of the snapshot.

    Args:
        schema: The label schema of the study.
        members: The approved images, in the order of their digests.

    Raises:
        ValueError: The members are not in order, one stands there twice, or only some have a split.
    """
    return b"".join(document_parts(schema, members))


def document_parts(schema: SchemaRow, members: Iterable[MemberRow]) -> Iterator[bytes]:
    """The same bytes, a member at a time."""
    first, members = _peek(members)
    is_split = first is not None and bool(first.split)
    yield from json_parts(
        {
            "format": FORMAT,
            "version": SPLIT_VERSION if is_split else VERSION,
            "schema": describe_schema(schema),
            "members": WrittenItems(members.path)
            if isinstance(members, SpooledMembers)
            else Items(_describe_members(members, is_split)),
        }
    )


def _peek(members: Iterable[MemberRow]) -> tuple[MemberRow | None, Iterable[MemberRow]]:
    """The first member, and all of them."""
    if isinstance(members, SpooledMembers):
        return (members[0] if members else None), members
    rows = iter(members)
    first = next(rows, None)
    return first, rows if first is None else itertools.chain((first,), rows)


def _describe_members(members: Iterable[MemberRow], is_split: bool) -> Iterator[dict[str, Any]]:
    before = ""
    for member in members:
        if member.digest <= before:
            raise ValueError("the members of a snapshot stand once each, in the order of their digests")
        if bool(member.split) != is_split:
            raise ValueError("the members of a snapshot have a split each, or none has")
        before = member.digest
        yield describe_member(member)


def normal_schema(schema: SchemaRow) -> SchemaRow:
    """The schema with its words as the document has them, so that tables and titles have the same."""
    return replace(
        schema,
        name=normal_text(schema.name),
        classes=tuple(ClassRow(*map(normal_text, astuple(row))) for row in schema.classes),
        sites=tuple((normal_text(key), normal_text(title)) for key, title in schema.sites),
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
