"""The manifest of an archive: SHA-256 and size of every file, where every image came from, and what was lost."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from annotation.export.archive import FileRow
from annotation.export.canonical import Items, WrittenItems, canonical_json, json_parts
from annotation.export.document import describe_schema
from annotation.export.ledger import Loss
from annotation.export.rows import Release
from annotation.export.spool import described_members

NAME = "manifest.json"
FORMAT = "synthlab-export"
VERSION = 4  # since then an archive of a signed snapshot has a seal, which is over the manifest


def manifest_parts(
    release: Release,
    files: FileList,
    *,
    writer: str,
    options: Mapping[str, Any],
    losses: Sequence[Loss],
    regions: int,
) -> Iterator[bytes]:
    """The manifest: the last member but the seal.

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
            "files": WrittenItems(files.finished(), lines=True),
            "files_digest": files.digest,
            "images": Items(
                map(
                    _describe_origin,
                    described_members(release.members),
                    itertools.chain(release.readers, itertools.repeat(())),
                ),
                lines=True,
            ),
        }
    )


class FileList:
    """The files of an archive in its order, kept on the disk as the manifest has them.

    Args:
        path: Where to keep them.

    Attributes:
        last: SHA-256 of the file that was noted last.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._count, self._digest = path, path.open("wb"), 0, hashlib.sha256()
        self.last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    @property
    def digest(self) -> str:
        """What `digest_files` gives for all of them."""
        return self._digest.hexdigest()

    def add(self, row: FileRow) -> None:
        """Note a file that was written."""
        # Canonical: the archive takes names only in which JSON has nothing to escape.
        line = f'{{"path":"{row.path}","sha256":"{row.sha256}","size":{row.size}}}\n'.encode()
        self._file.write(line)
        self._digest.update(line)
        self._count += 1
        self.last = row.sha256

    def finished(self) -> Path:
        """Where they lie, a line each, all that were noted so far."""
        self._file.flush()
        return self._path


def digest_files(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the sorted list of files: one number that stands for all of them."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_json(row))
    return digest.hexdigest()


def _describe_origin(member: Mapping[str, Any], readers: Sequence[str]) -> dict[str, Any]:
    """Where an image and its labels came from; people by their pseudonyms."""
    return {
        "image": member["image"],
        "generator": member["recipe"].get("generator", ""),
        "recipe": member["recipe"],
        "readers": sorted({member["reader"], *readers}),
        "reviewers": member["reviewers"],
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
