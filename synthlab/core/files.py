"""Content-addressed storage: a file's name is its SHA-256, so the same bytes are kept once and never change.

Files live in `MEDIA_ROOT/ab/cd/<digest>`. They become durable per shard: all are written under temporary names, one
sync of the file system, then they are renamed; the rows that name them follow in one transaction.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from synthlab.core.exceptions import NotFound
from synthlab.core.kill_points import kill_point
from synthlab.core.serving import serve_path

DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024 * 1024
_PENDING = "pending"


@dataclass(frozen=True)
class StoredFile:
    """A durable file: its SHA-256 in lower-case hex and its size in bytes."""

    digest: str
    size: int


class OutsideRoot(ValueError):
    """A path leads out of the folder it must stay in."""


def inside(root: Path, path: Path | str) -> Path:
    """The absolute path, links resolved, once it is sure that it lies inside `root`.

    Raises:
        OutsideRoot: It does not.
    """
    base = root.resolve()
    resolved = (base / path).resolve()
    if resolved != base and base not in resolved.parents:
        raise OutsideRoot("the path leads out of its folder")
    return resolved


def path_of(digest: str) -> Path:
    """Where the file of this digest is or would be.

    Raises:
        OutsideRoot: This is no SHA-256 in lower-case hex.
    """
    if not DIGEST.fullmatch(digest):
        raise OutsideRoot("not a digest")
    return Path(settings.MEDIA_ROOT, digest[:2], digest[2:4], digest)


def open_digest(digest: str) -> BinaryIO:
    """Open a stored file for reading.

    Raises:
        NotFound: No such file is stored.
    """
    try:
        return path_of(digest).open("rb")
    except FileNotFoundError:
        raise NotFound("file_missing", "The file is not in the store.") from None


def serve_file(
    request: HttpRequest,
    digest: str,
    *,
    content_type: str,
    filename: str | None = None,
    immutable: bool = True,
) -> HttpResponseBase:
    """Answer with a stored file. The caller has already checked that this person may have it.

    Args:
        request: Its If-None-Match, If-Range and Range headers are honoured.
        digest: Which file; also the ETag.
        content_type: From a table of ours, never from an upload.
        filename: Offer the file as a download of this name; else it is shown in place.
        immutable: Whether the address names these bytes for ever (browsers then never ask again).

    Raises:
        NotFound: The file is not in the store.
    """
    return serve_path(
        request,
        path_of(digest),
        etag=digest,
        content_type=content_type,
        filename=filename,
        immutable=immutable,
    )


def store_bytes(data: bytes) -> StoredFile:
    """Store bytes and return once they are durable."""
    return store_each([data])[0]


def store_each(contents: Iterable[bytes]) -> list[StoredFile]:
    """Store each as a file of its own, all with one sync, and return once they are durable.

    Args:
        contents: Taken one at a time: they need not fit into memory together.

    Returns:
        One `StoredFile` for each, in the same order.
    """
    return _store([content] for content in contents)


def store_files(paths: Sequence[Path]) -> list[StoredFile]:
    """Copy files into the store, all with one sync, and return once they are durable.

    Args:
        paths: Files to copy; they are left where they are.

    Returns:
        One `StoredFile` for each path, in the same order.
    """
    # Copies, not links: the one who wrote the original may still hold it open.
    return _store(map(_pieces, paths))


def delete_digest(digest: str) -> None:
    """Remove a file that no row names any more; does nothing where it is gone already."""
    path_of(digest).unlink(missing_ok=True)


def digest_of(path: Path) -> StoredFile:
    """The digest and size of any file, read in pieces."""
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
    return StoredFile(sha.hexdigest(), size)


def stored_digests() -> Iterator[str]:
    """The digest of every file in the store, in order."""
    root = Path(settings.MEDIA_ROOT)
    for path in sorted(root.glob("??/??/*")):
        if DIGEST.fullmatch(path.name):
            yield path.name


def clear_pending(older_than: float) -> int:
    """Remove temporary files that a killed process left.

    Args:
        older_than: Only those last written before this time (seconds since the epoch).

    Returns:
        How many were removed.
    """
    removed = 0
    for path in (Path(settings.MEDIA_ROOT) / _PENDING).glob("*"):
        try:
            if path.stat().st_mtime < older_than:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # it was published, or removed by another, just now
    return removed


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            yield chunk


def _store(contents: Iterable[Iterable[bytes]]) -> list[StoredFile]:
    folder = Path(settings.MEDIA_ROOT) / _PENDING
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pending: list[Path] = []
    stored: list[StoredFile] = []
    try:
        for pieces in contents:
            pending.append(folder / uuid.uuid4().hex)
            stored.append(_write(pending[-1], pieces))
    except BaseException:
        for path in pending:
            path.unlink(missing_ok=True)  # a full disk needs the room at once
        raise
    _publish(pending, stored)
    return stored


def _write(path: Path, pieces: Iterable[bytes]) -> StoredFile:
    sha, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:
        for piece in pieces:
            sha.update(piece)
            file.write(piece)
            size += len(piece)
    return StoredFile(sha.hexdigest(), size)


def _publish(pending: Sequence[Path], stored: Sequence[StoredFile]) -> None:
    if not pending:
        return
    kill_point("files.pending")
    _sync_file_system()
    kill_point("files.synced")
    for source, file in zip(pending, stored, strict=True):
        _move(source, path_of(file.digest))  # over a file that stood there before: the same bytes
    kill_point("files.renamed")
    # The names, too, must be on disk before a row promises them; the data already is, so this is short.
    _sync_file_system()


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except FileNotFoundError:  # the first file of its folder
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        source.replace(target)


def _sync_file_system() -> None:
    """Make everything written to the store's file system durable (Linux's syncfs, else sync)."""
    descriptor = os.open(settings.MEDIA_ROOT, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            os.sync()
        elif libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)


def missing_files(digests: Iterable[str]) -> Iterator[str]:
    """Those digests whose file is not in the store."""
    for digest in digests:
        if not path_of(digest).is_file():
            yield digest
