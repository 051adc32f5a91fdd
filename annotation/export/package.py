"""An export from beginning to end: the files of a format, the images, the manifest, one archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from annotation.export import coco, document, manifest
from annotation.export.archive import Member, write_archive
from annotation.export.canonical import digest_bytes, digest_file
from annotation.export.manifest import FileRow
from annotation.export.rows import Release, TextFile
from annotation.export.texts import write_texts


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write the annotations of a release, and what that way cannot hold."""

    title: str
    write: Callable[[Release], list[TextFile]]
    losses: tuple[str, ...]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {"coco": Format("COCO instances with images", coco.write_coco, coco.LOSSES)}
)


class DamagedImageError(Exception):
    """The stored file of an image is not the one that was approved."""


def write_package(
    release: Release,
    *,
    writer: str,
    image_path: Callable[[str], Path],
    target: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a release as one archive: the same release gives the same bytes.

    Args:
        release: What to export.
        writer: A key of `FORMATS`.
        image_path: Where the file of a digest lies.
        target: The archive.
        on_progress: Called with members done and members in all.

    Raises:
        DamagedImageError: A stored image has other bytes than its digest says.
        ValueError: The digest of the release is not that of its document.
    """
    form = FORMATS[writer]
    texts = _texts(release, form)
    members = [Member(text.name, text.data) for text in texts]
    files = [FileRow(text.name, len(text.data), digest_bytes(text.data)) for text in texts]
    for row in release.members:
        path = image_path(row.digest)
        if digest_file(path) != row.digest:
            raise DamagedImageError(f"the stored image {row.digest} is damaged")
        members.append(Member(row.file_name, path))
        files.append(FileRow(row.file_name, path.stat().st_size, row.digest))
    listing = manifest.write_manifest(release, files, writer=writer, losses=form.losses)
    members.sort(key=lambda member: member.name)
    members.append(Member(manifest.NAME, listing))
    written: list[str] = []

    def count(name: str) -> None:
        written.append(name)
        on_progress(len(written), len(members))

    write_archive(target, members, count)


def _texts(release: Release, form: Format) -> list[TextFile]:
    labels = document.write_document(release.schema, release.members)
    if digest_bytes(labels) != release.digest:
        raise ValueError("the digest of the snapshot is not that of its content")
    return [TextFile(document.NAME, labels), *form.write(release), *write_texts(release)]
