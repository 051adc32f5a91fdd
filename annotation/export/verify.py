"""Check an archive with nothing but the archive: every digest, count and reference, and every byte of its frame."""

from __future__ import annotations

import hashlib
import itertools
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from annotation.export import croissant, document, manifest, seal, texts
from annotation.export.archive import CHUNK, LOCAL, Directory, FileRow, check_name, local_header
from annotation.export.canonical import digest_file
from annotation.export.formats import Format
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.references import check_references
from annotation.export.registry import FORMATS
from annotation.export.rows import SignatureRow
from annotation.export.signature import refuse_false_signatures
from annotation.splits import NAMES as SPLITS

COMMON = frozenset({document.NAME, croissant.NAME, manifest.NAME, seal.NAME, *texts.NAMES})
FRAME = "(the archive's own directory)"
__all__ = ["FRAME", "BadArchiveError", "Verified", "verify_archive"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found whole.

    Attributes:
        digest: SHA-256 of the whole archive.
        format: Which format it is of.
        snapshot_digest: What the signature is bound to.
        images: How many images.
        regions: How many regions.
        files: How many files, manifest and seal not counted.
        signed: Whether everybody has signed who must.
        key: The public key that the signatures were checked with; empty where nobody has signed.
        compared: Whether the format's own files were compared with the labels; they are not where the format needs a
            package for it that is not installed here.
    """

    digest: str
    format: str
    snapshot_digest: str
    images: int
    regions: int
    files: int
    signed: bool
    key: str
    compared: bool


def verify_archive(path: Path) -> Verified:
    """Check an export archive.

    Args:
        path: The archive.

    Returns:
        What was found.

    Raises:
        BadArchiveError: The first file that is not as it should be.
        OSError: The archive cannot be read at all.
    """
    try:
        rows = _walk(path)
        with Opened(path, {row.path: row.sha256 for row in rows}) as opened:
            return _verify(path, opened, rows)
    except BadArchiveError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, struct.error) as error:
        raise BadArchiveError(FRAME, str(error)) from error


def _walk(path: Path) -> list[FileRow]:
    """Go through the archive byte by byte as it is written: nothing hides between or behind its files."""
    rows: list[FileRow] = []
    with path.open("rb", buffering=CHUNK) as file, tempfile.TemporaryFile() as listed:
        directory = Directory(listed)
        while head := _local_head(file):
            row, checksum = _read_member(file, head, before=rows[-1].path if rows else FRAME)
            rows.append(row)
            directory.add(row.path.encode("ascii"), checksum, row.size)
        file.seek(directory.offset)
        with tempfile.TemporaryFile() as again:
            directory.finish(again)
            again.seek(0)
            _compare_rest(file, again)
    if not rows:
        raise BadArchiveError(FRAME, "it holds no file")
    return rows


def _local_head(file: IO[bytes]) -> bytes:
    """The next local header, or nothing where the directory begins."""
    head = file.read(LOCAL.size)
    return head if head.startswith(b"PK\3\4") and len(head) == LOCAL.size else b""


def _read_member(file: IO[bytes], head: bytes, *, before: str) -> tuple[FileRow, int]:
    *_, checksum, _, size, length, _ = LOCAL.unpack(head)
    raw = file.read(length)
    try:
        name = raw.decode("ascii")
        check_name(name)
    except ValueError as error:
        raise BadArchiveError(before, f"what follows it has no name of a file: {raw[:80]!r}") from error
    if head + raw != local_header(raw, checksum, size):
        raise BadArchiveError(name, "its header is not as this program writes it")
    digest, found, left = hashlib.sha256(), 0, size
    while left and (chunk := file.read(min(left, CHUNK))):
        digest.update(chunk)
        found = zlib.crc32(chunk, found)
        left -= len(chunk)
    if left or found != checksum:
        raise BadArchiveError(name, "its bytes have another check sum or length than its header says")
    return FileRow(name, size, digest.hexdigest()), checksum


def _compare_rest(found: IO[bytes], expected: IO[bytes]) -> None:
    while True:
        left, right = found.read(CHUNK), expected.read(CHUNK)
        if left != right:
            raise BadArchiveError(FRAME, "it is not as this program writes it")
        if not left:
            return


def _verify(path: Path, opened: Opened, rows: list[FileRow]) -> Verified:
    told, labels, regions, key = _check_common(opened, _listed_files(rows))
    form = FORMATS[told["writer"]["name"]]
    _check_strangers(opened.names, form)
    if form.can_check:
        _check_format(opened, labels, form.key)
    return Verified(
        digest=digest_file(path),
        format=form.key,
        snapshot_digest=told["snapshot"]["digest"],
        images=len(labels["members"]),
        regions=regions,
        files=told["counts"]["files"],
        signed=bool(key),
        key=key,
        compared=form.can_check,
    )


def _check_common(
    opened: Opened, listed: list[FileRow]
) -> tuple[dict[str, Any], Mapping[str, Any], int, str]:
    """What is the same in every format: the manifest without its long lists, the labels, how many regions, the key."""
    listing = opened.json(manifest.NAME)
    try:
        _check_manifest(listing, listed)
        labels = opened.json(document.NAME)
        if opened.digest(document.NAME) != listing["snapshot"]["digest"]:
            raise BadArchiveError(document.NAME, "is not the document that the snapshot's digest is about")
        regions = _check_labels(labels)
        counts = {"images": len(labels["members"]), "regions": regions, "files": len(listed)}
        if listing["counts"] != counts:
            raise BadArchiveError(manifest.NAME, f"counts {listing['counts']}, found {counts}")
        _check_origins(listing, labels)
        key = _check_signatures(listing["snapshot"])
        check_references(opened, listing, labels, FORMATS[listing["writer"]["name"]])
        _check_seal(opened, key)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise BadArchiveError(manifest.NAME, f"a member is missing or of another kind: {error!r}") from error
    told = {name: value for name, value in listing.items() if name not in ("files", "images")}
    return told, labels, regions, key


def _listed_files(rows: list[FileRow]) -> list[FileRow]:
    """All but manifest and seal, which stand behind them; in order."""
    listed = rows[:-1] if rows[-1].path == seal.NAME else rows
    if not listed or listed[-1].path != manifest.NAME:
        raise BadArchiveError(manifest.NAME, "is missing or not behind all that it lists")
    for before, row in itertools.pairwise(listed[:-1]):
        if row.path <= before.path:
            raise BadArchiveError(row.path, "is out of order, or stands there twice")
    return listed[:-1]


def _check_manifest(listing: Mapping[str, Any], rows: list[FileRow]) -> None:
    """The manifest lists the files that are there, and no others."""
    if (listing["format"], listing["version"]) != (manifest.FORMAT, manifest.VERSION):
        raise BadArchiveError(
            manifest.NAME,
            "is of a format or version that this program does not know: check it with the SynthLab that wrote it, or export it again",
        )
    if listing["writer"]["name"] not in FORMATS:
        raise BadArchiveError(manifest.NAME, "was written in a format that this program does not know")
    listed = {row["path"]: (row["size"], row["sha256"]) for row in listing["files"]}
    for row in rows:
        if row.path not in listed:
            raise BadArchiveError(row.path, "is not in the manifest")
        if listed[row.path] != (row.size, row.sha256):
            raise BadArchiveError(row.path, "its bytes are not those that the manifest lists")
    for name in sorted(listed.keys() - {row.path for row in rows}):
        raise BadArchiveError(name, "is missing")
    if len(listing["files"]) != len(rows):
        raise BadArchiveError(manifest.NAME, "lists a file twice")
    if listing["files_digest"] != manifest.digest_files(listing["files"]):
        raise BadArchiveError(manifest.NAME, "the digest of its list of files is wrong")


def _check_signatures(told: Mapping[str, Any]) -> str:
    """Every signature is of this snapshot, content, person, time and meaning; the key that shows it."""
    rows = [told["signature"], told.get("countersignature")]
    first, second = (None if row is None else SignatureRow(**row) for row in rows)
    try:
        refuse_false_signatures(told["id"], told["digest"], first, second)
    except ValueError as error:
        raise BadArchiveError(manifest.NAME, str(error)) from error
    if second is not None and first is not None and second.key != first.key:
        raise BadArchiveError(manifest.NAME, "its signatures are of two installations")
    return first.key if first else ""


def _check_seal(opened: Opened, key: str) -> None:
    """A signed archive is sealed with the key of its signatures, and no other archive is."""
    if not key:
        if seal.NAME in opened:
            raise BadArchiveError(seal.NAME, "stands in an archive that nobody has signed")
        return
    try:
        seal.refuse_false_seal(opened.json(seal.NAME), opened.digest(manifest.NAME), key)
    except (ValueError, TypeError, LookupError) as error:
        raise BadArchiveError(seal.NAME, str(error)) from error


def _check_labels(labels: Mapping[str, Any]) -> int:
    """The labels are of a known version, in order, split as that version is, and of known classes; the number of regions."""
    version = labels["version"]
    if labels["format"] != document.FORMAT or version not in (document.VERSION, document.SPLIT_VERSION):
        raise BadArchiveError(document.NAME, "is of a format or version that this program does not know")
    named = {member.get("split", "") for member in labels["members"]}
    if named - (set(SPLITS) if version == document.SPLIT_VERSION else {""}):
        raise BadArchiveError(document.NAME, f"splits {sorted(named)} are not those of its version")
    classes = {row["key"] for row in labels["schema"]["classes"]}
    digests = [member["image"] for member in labels["members"]]
    if digests != sorted(set(digests)):
        raise BadArchiveError(document.NAME, "its images are not in order, or one stands there twice")
    for member in labels["members"]:
        used = {*member["classes"], *(region["class"] for region in member["regions"])}
        if used - classes:
            raise BadArchiveError(document.NAME, f"unknown class {min(used - classes)!r}")
    return sum(len(member["regions"]) for member in labels["members"])


def _check_origins(listing: Mapping[str, Any], labels: Mapping[str, Any]) -> None:
    """The manifest tells of the same images, recipes and people as the labels."""
    rows, members = listing["images"], labels["members"]
    if [row["image"] for row in rows] != [member["image"] for member in members]:
        raise BadArchiveError(manifest.NAME, "tells of other images than the labels")
    for row, member in zip(rows, members, strict=True):
        told = row["recipe"], row["reviewers"], row["generator"]
        if told != (member["recipe"], member["reviewers"], member["recipe"].get("generator", "")):
            raise BadArchiveError(
                manifest.NAME, f"tells otherwise than the labels where {row['image']} is from"
            )
        if member["reader"] not in row["readers"] or row["readers"] != sorted(set(row["readers"])):
            raise BadArchiveError(manifest.NAME, f"tells of other readers of {row['image']} than the labels")


def _check_strangers(names: list[str], form: Format) -> None:
    """Every file is one that all archives have, or one of the format's."""
    for name in names:
        if name not in COMMON and not name.startswith(form.owns):
            raise BadArchiveError(name, "is no file of this format")


def _check_format(opened: Opened, labels: Mapping[str, Any], key: str) -> None:
    try:
        FORMATS[key].check(opened, labels)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise BadArchiveError(FRAME, f"the files of the format cannot be read: {error!r}") from error
