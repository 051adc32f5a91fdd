"""The manifest of an archive: SHA-256 and size of every file, where every image came from, and what was lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from annotation.export.archive import FileList
from annotation.export.canonical import Items, canonical_json, json_parts
from annotation.export.document import describe_schema
from annotation.export.ledger import Loss
from annotation.export.rows import MemberRow, Release

NAME = "manifest.json"
FORMAT = "synthlab-export"
VERSION = 2


def manifest_parts(
    release: Release,
    files: FileList,
    *,
    writer: str,
    options: Mapping[str, Any],
    losses: Sequence[Loss],
    regions: int,
) -> Iterator[bytes]:
    """The manifest as the archive's last member.

    Args:
        release: What is exported.
        files: Every other file of the archive.
        writer: Name of the format.
        options: What the format was told.
        losses: What the format cannot hold.
        regions: How many regions there are.
    """
    yield from json_parts(
        {
            "format": FORMAT,
            "version": VERSION,
            "writer": {"name": writer, "options": dict(options), "losses": [asdict(loss) for loss in losses]},
            "synthetic": True,
            "snapshot": _describe_snapshot(release),
            "schema": describe_schema(release.schema),
            "provenance": dict(release.provenance),
            "facts": dict(release.facts),
            "licence": release.licence,
            "counts": {"images": len(release.members), "regions": regions, "files": len(files)},
            "files": Items((asdict(row) for row in files), lines=True),
            "files_digest": digest_files(asdict(row) for row in files),
            "images": Items(map(_describe_origin, release.members), lines=True),
        }
    )


def digest_files(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the sorted list of files: one number that stands for all of them."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_json(row))
    return digest.hexdigest()


def _describe_origin(member: MemberRow) -> dict[str, Any]:
    """Where an image and its labels came from; people by their pseudonyms."""
    return {
        "image": member.digest,
        "generator": member.recipe.get("generator", ""),
        "recipe": dict(member.recipe),
        "readers": [member.reader],
        "reviewers": list(member.reviewers),
    }


def _describe_snapshot(release: Release) -> dict[str, Any]:
    # Only where two people sign; other archives are as they were before that could be.
    second = {"countersignature": asdict(release.countersignature)} if release.countersignature else {}
    return {
        **second,
        "id": release.snapshot_id,
        "name": release.name,
        "study": release.study,
        "digest": release.digest,
        "created_at": release.created_at,
        "signature": asdict(release.signature) if release.signature else None,
    }
