"""Check an archive with nothing but the archive: every digest, count and reference, and every byte of its frame."""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.export import archive, coco, document, manifest
from annotation.export.canonical import digest_file

_CHUNK = 1 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
FRAME = "(the archive's own directory)"


class BadArchiveError(Exception):
    """The first thing that is wrong: the file it is in, and what."""

    def __init__(self, file: str, detail: str) -> None:
        super().__init__(f"{file}: {detail}")
        self.file = file
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found whole.

    Attributes:
        digest: SHA-256 of the whole archive.
        snapshot_digest: What the signature is bound to.
        images: How many images.
        regions: How many regions.
        files: How many files, the manifest not counted.
        signed: Whether the manifest carries a signature.
    """

    digest: str
    snapshot_digest: str
    images: int
    regions: int
    files: int
    signed: bool


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
        with zipfile.ZipFile(path) as opened:
            return _verify(path, opened)
    except BadArchiveError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, struct.error) as error:
        raise BadArchiveError(FRAME, str(error)) from error
    except (ValueError, TypeError, LookupError) as error:
        raise BadArchiveError(FRAME, f"unreadable: {error}") from error


def _verify(path: Path, opened: zipfile.ZipFile) -> Verified:
    names = [info.filename for info in opened.infolist()]
    _check_names(names)
    listing = _load(opened, manifest.NAME)
    rows = _check_manifest(listing)
    _check_files(opened, names, rows)
    labels = _load(opened, document.NAME)
    if rows[document.NAME]["sha256"] != listing["snapshot"]["digest"]:
        raise BadArchiveError(document.NAME, "is not the document that the snapshot's digest is about")
    regions = _check_labels(opened, labels, rows)
    _check_coco(opened, labels, rows)
    counts = {"images": len(labels["members"]), "regions": regions, "files": len(rows)}
    if listing["counts"] != counts:
        raise BadArchiveError(manifest.NAME, f"counts {listing['counts']}, found {counts}")
    _check_frame(path, opened, names)
    return Verified(
        digest=digest_file(path),
        snapshot_digest=listing["snapshot"]["digest"],
        signed=listing["snapshot"]["signature"] is not None,
        **counts,
    )


def _check_names(names: list[str]) -> None:
    for name in names:
        try:
            archive.check_name(name)
        except ValueError as error:
            raise BadArchiveError(FRAME, str(error)) from error
    if not names or names[-1] != manifest.NAME:
        raise BadArchiveError(manifest.NAME, "is missing or not the last file")
    if names[:-1] != sorted(set(names[:-1])):
        raise BadArchiveError(FRAME, "the files are not in order, or one stands there twice")


def _check_manifest(listing: Any) -> dict[str, dict[str, Any]]:
    """The files that the manifest lists, by name."""
    try:
        known = listing["format"] == manifest.FORMAT and listing["version"] == manifest.VERSION
        rows = {row["path"]: row for row in listing["files"]}
        whole = listing["files_digest"] == manifest.digest_files(listing["files"])
        digest, signature = listing["snapshot"]["digest"], listing["snapshot"]["signature"]
    except (KeyError, TypeError) as error:
        raise BadArchiveError(manifest.NAME, f"a member is missing: {error}") from error
    if not known:
        raise BadArchiveError(manifest.NAME, "is of a format that this program does not know")
    if not whole:
        raise BadArchiveError(manifest.NAME, "the digest of its list of files is wrong")
    if not isinstance(digest, str) or not isinstance(signature, dict | None):
        raise BadArchiveError(manifest.NAME, "the snapshot is not described as it should be")
    return rows


def _check_files(opened: zipfile.ZipFile, names: list[str], rows: dict[str, dict[str, Any]]) -> None:
    for name in (document.NAME, coco.INSTANCES):
        if name not in names and name in rows:
            raise BadArchiveError(name, "is missing")
    for name in names[:-1]:
        if name not in rows:
            raise BadArchiveError(name, "is not in the manifest")
        digest, size = hashlib.sha256(), 0
        for chunk in _chunks(opened, name):
            digest.update(chunk)
            size += len(chunk)
        if size != rows[name]["size"] or digest.hexdigest() != rows[name]["sha256"]:
            raise BadArchiveError(name, "its bytes are not those that the manifest lists")
    missing = sorted(set(rows) - set(names))
    if missing:
        raise BadArchiveError(missing[0], "is missing")
    if document.NAME not in rows:
        raise BadArchiveError(document.NAME, "is missing")


def _check_labels(opened: zipfile.ZipFile, labels: Any, rows: dict[str, dict[str, Any]]) -> int:
    """Every member has its file and known classes, and every image a member; the number of regions."""
    classes = {row["key"] for row in labels["schema"]["classes"]}
    expected = {f"images/{member['image']}.png" for member in labels["members"]}
    present = {name for name in rows if name.startswith("images/")}
    for name in sorted(expected ^ present):
        raise BadArchiveError(name, "stands in the labels or among the files, but not in both")
    for member in labels["members"]:
        name = f"images/{member['image']}.png"
        if rows[name]["sha256"] != member["image"]:
            raise BadArchiveError(name, "its bytes are not those that its name says")
        if _png_size(opened, name) != (member["width"], member["height"]):
            raise BadArchiveError(name, "has another size than its labels say")
        used = {*member["classes"], *(region["class"] for region in member["regions"])}
        if used - classes:
            raise BadArchiveError(document.NAME, f"unknown class {min(used - classes)!r}")
    return sum(len(member["regions"]) for member in labels["members"])


def _check_coco(opened: zipfile.ZipFile, labels: Any, rows: dict[str, dict[str, Any]]) -> None:
    found = 0
    for name in (coco.INSTANCES, coco.POINTS):
        if name not in rows:
            continue
        data = _load(opened, name)
        images = {row["id"]: row for row in data["images"]}
        categories = {row["id"] for row in data["categories"]}
        if [row["file_name"] for row in data["images"]] != [
            f"images/{m['image']}.png" for m in labels["members"]
        ]:
            raise BadArchiveError(name, "lists other images than the labels")
        for row in data["annotations"]:
            if row["image_id"] not in images or row["category_id"] not in categories:
                raise BadArchiveError(name, f"annotation {row['id']} points to nothing")
        found += len(data["annotations"])
    if coco.INSTANCES in rows and found != sum(len(member["regions"]) for member in labels["members"]):
        raise BadArchiveError(coco.INSTANCES, "has more or fewer regions than the labels")


def _check_frame(path: Path, opened: zipfile.ZipFile, names: list[str]) -> None:
    """Write the archive again from its contents and compare: nothing hides between the files."""
    with tempfile.TemporaryDirectory(prefix="synthlab-verify-") as folder:
        again = Path(folder) / "again.zip"
        archive.write_archive(again, _extracted(opened, names, Path(folder) / "member"))
        offset = _first_difference(path, again)
    if offset is None:
        return
    owner = FRAME
    if offset < opened.start_dir:
        owner = max(
            (info for info in opened.infolist() if info.header_offset <= offset),
            key=lambda info: info.header_offset,
            default=opened.infolist()[0],
        ).filename
    raise BadArchiveError(owner, f"the byte at {offset} is not as this program writes it")


def _extracted(opened: zipfile.ZipFile, names: list[str], scratch: Path) -> Iterator[archive.Member]:
    for name in names:
        with scratch.open("wb") as file:
            file.writelines(_chunks(opened, name))
        yield archive.Member(name, scratch)


def _first_difference(first: Path, second: Path) -> int | None:
    with first.open("rb") as a, second.open("rb") as b:
        offset = 0
        while True:
            left, right = a.read(_CHUNK), b.read(_CHUNK)
            if left != right:
                pairs = enumerate(zip(left, right, strict=False))
                inside = next((i for i, (x, y) in pairs if x != y), min(len(left), len(right)))
                return offset + inside
            if not left:
                return None
            offset += len(left)


def _chunks(opened: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    try:
        with opened.open(name) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise BadArchiveError(name, str(error)) from error


def _load(opened: zipfile.ZipFile, name: str) -> Any:
    if name not in opened.namelist():
        raise BadArchiveError(name, "is missing")
    try:
        return json.loads(b"".join(_chunks(opened, name)))
    except ValueError as error:
        raise BadArchiveError(name, f"is not JSON: {error}") from error


def _png_size(opened: zipfile.ZipFile, name: str) -> tuple[int, int]:
    head = next(_chunks(opened, name), b"")[:24]
    if len(head) < 24 or not head.startswith(_PNG):
        raise BadArchiveError(name, "is not a PNG image")
    width, height = struct.unpack(">II", head[16:24])
    return width, height
