"""An export from beginning to end: the files of a format, what every archive tells beside them, one archive."""

from __future__ import annotations

import hashlib
import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from annotation.export import croissant, document, manifest, seal
from annotation.export.archive import write_archive
from annotation.export.canonical import digest_bytes
from annotation.export.formats import Format, Member, Source
from annotation.export.ledger import Loss, Tally, count_losses
from annotation.export.registry import FORMATS
from annotation.export.rows import Release
from annotation.export.signature import refuse_false_signatures
from annotation.export.spool import tally_members
from annotation.export.texts import text_members


class DamagedImageError(Exception):
    """The stored file of an image is not the one that was approved."""


def write_package(
    release: Release,
    *,
    format: str,
    image_path: Callable[[str], Path],
    target: Path,
    options: Mapping[str, object] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a release as one archive: the same release and options give the same bytes.

    Args:
        release: What to export.
        format: A key of `FORMATS`.
        image_path: Where the file of a digest lies.
        target: The archive. Large intermediates lie beside it while it is written.
        options: What the format is told; the rest is as its defaults are.
        on_progress: Called with images done and images in all.

    Raises:
        DamagedImageError: A stored image has other bytes than its digest says.
        OptionError: The format does not know an option, or not its value.
        ValueError: The digest of the release is not that of its document, a signature is not of this content, or
            there is no seal for a signed release.
    """
    _refuse_unsealed(release)
    refuse_false_signatures(release.snapshot_id, release.digest, release.signature, release.countersignature)
    form, release = FORMATS[format], replace(release, schema=document.normal_schema(release.schema))
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=target.parent) as folder:
        source = Source(
            release=release,
            options=form.check_options(options or {}),
            image=_Images(image_path, len(release.members), on_progress),
            scratch=Path(folder),
        )
        with manifest.FileList(source.scratch / "files.jsonl") as files:
            write_archive(target, _members(form, source, files), files.add)


def _members(form: Format, source: Source, files: manifest.FileList) -> Iterator[Member]:
    release = source.release
    tally = tally_members(release.schema, release.members)
    losses = count_losses(form.losses, tally, source.options)
    yield from _ascending(_common(form, release, tally, losses), form.write(source))
    yield Member(
        manifest.NAME,
        manifest.manifest_parts(
            release, files, writer=form.key, options=source.options, losses=losses, regions=tally.regions
        ),
    )
    if release.signature and release.seal:
        # The archive has noted the manifest by now: it is the last file of the list.
        yield Member(seal.NAME, seal.describe_seal(release.seal, release.signature.key, files.last))


def _refuse_unsealed(release: Release) -> None:
    if release.signature and release.seal is None:
        raise ValueError("a signed release needs the installation's seal")


def _common(form: Format, release: Release, tally: Tally, losses: tuple[Loss, ...]) -> list[Member]:
    """What every archive holds, whatever its format."""
    return [
        Member(document.NAME, _signed_document(release)),
        Member(croissant.NAME, croissant.describe_release(release, form)),
        *text_members(release, form, tally, losses),
    ]


def _ascending(common: Iterable[Member], own: Iterable[Member]) -> Iterator[Member]:
    before = ""
    members = heapq.merge(sorted(common, key=_name), own, key=_name)
    for member in members:
        if member.name <= before:
            raise RuntimeError(f"{member.name} does not come after {before}")
        before = member.name
        yield member


def _name(member: Member) -> str:
    return member.name


def _signed_document(release: Release) -> Iterator[bytes]:
    """The document that was signed, or an error at its end: then there is no archive."""
    digest = hashlib.sha256()
    for part in document.document_parts(release.schema, release.members):
        digest.update(part)
        yield part
    if digest.hexdigest() != release.digest:
        raise ValueError("the digest of the snapshot is not that of its content")


class _Images:
    """Reads images by digest, checks each, and tells how far it came."""

    def __init__(
        self, path_of: Callable[[str], Path], total: int, on_progress: Callable[[int, int], None]
    ) -> None:
        self._path_of, self._total, self._tell, self._done = path_of, total, on_progress, 0

    def __call__(self, digest: str) -> bytes:
        data = self._path_of(digest).read_bytes()
        if digest_bytes(data) != digest:
            raise DamagedImageError(f"the stored image {digest} is damaged")
        self._done += 1
        self._tell(min(self._done, self._total), self._total)
        return data
