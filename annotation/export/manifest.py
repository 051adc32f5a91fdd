"""The manifest of an archive: SHA-256 and size of every file, and where all of it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from annotation.export.canonical import canonical_json, digest_bytes
from annotation.export.document import describe_schema
from annotation.export.rows import Release

NAME = "manifest.json"
FORMAT = "synthlab-export"
VERSION = 1


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the archive."""

    path: str
    size: int
    sha256: str


def write_manifest(
    release: Release, files: Sequence[FileRow], *, writer: str, losses: Sequence[str]
) -> bytes:
    """The manifest as the archive's last member.

    Args:
        release: What is exported.
        files: Every other file of the archive.
        writer: Name of the format.
        losses: What the format cannot hold, in sentences.
    """
    rows = [asdict(row) for row in sorted(files, key=lambda row: row.path)]
    return canonical_json(
        {
            "format": FORMAT,
            "version": VERSION,
            "writer": {"name": writer, "cannot_hold": list(losses)},
            "synthetic": True,
            "snapshot": _describe_snapshot(release),
            "schema": describe_schema(release.schema),
            "provenance": dict(release.provenance),
            "facts": dict(release.facts),
            "licence": release.licence,
            "counts": count_contents(release, len(rows)),
            "files": rows,
            "files_digest": digest_files(rows),
        },
        indent=1,
    )


def count_contents(release: Release, n_files: int) -> dict[str, int]:
    """How many images, regions and files there are (the manifest itself is not counted)."""
    return {
        "images": len(release.members),
        "regions": sum(len(member.regions) for member in release.members),
        "files": n_files,
    }


def digest_files(rows: Sequence[dict[str, Any]]) -> str:
    """SHA-256 over the sorted list of files: one number that stands for all of them."""
    return digest_bytes(canonical_json(list(rows)))


def _describe_snapshot(release: Release) -> dict[str, Any]:
    return {
        "id": release.snapshot_id,
        "name": release.name,
        "study": release.study,
        "digest": release.digest,
        "created_at": release.created_at,
        "signature": asdict(release.signature) if release.signature else None,
    }
