"""Uploads touch the disk only in the staging folder: owner-only, under names that we make.

Client file names are identifiers of patients more often than not. They stay in memory, on the uploaded file object.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from synthlab.core.exceptions import TooLarge
from synthlab.core.files import inside

_ARRIVING = "arriving"


class UploadTooLarge(TooLarge, RequestDataTooBig):
    """The body is larger than `SYNTHLAB_MAX_UPLOAD_BYTES`; 413 in the API, and Django's own answer on pages."""

    def __init__(self) -> None:
        limit = settings.MAX_UPLOAD_BYTES
        TooLarge.__init__(
            self,
            "upload_too_large",
            f"An upload may hold {limit // 1024**2} MiB. Nothing was kept; send it in smaller parts.",
            limit_bytes=limit,
        )


class StagedFile(UploadedFile):  # type: ignore[type-arg]  # generic in the stubs only
    """One uploaded file in the staging folder; gone when closed, unless it was kept."""

    def __init__(self, path: Path, file: BinaryIO, name: str, size: int, **facts: Any) -> None:
        super().__init__(file, name, size=size, **facts)
        self.path = path

    def temporary_file_path(self) -> str:
        """Where it lies (Django's name for it)."""
        return str(self.path)

    def keep(self, folder: Path, ordinal: int) -> Path:
        """Move the file into a staging folder of its own, named by its place in the upload."""
        target = inside(folder, f"{ordinal:06d}")
        os.replace(self.path, target)
        return target

    def close(self) -> None:
        """Close, and remove what was not kept."""
        super().close()
        self.path.unlink(missing_ok=True)


class StagedUploadHandler(FileUploadHandler):
    """Stream each file of a request into the staging folder and stop at the size limit."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  (Django calls it so)
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        """Refuse at once what says itself that it is too large."""
        if content_length > settings.MAX_UPLOAD_BYTES:
            raise UploadTooLarge
        self._total = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open a new file under a name of ours."""
        super().new_file(*args, **kwargs)
        self._path = _staging_folder(_ARRIVING) / uuid.uuid4().hex
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "w+b")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write one chunk."""
        self._total = getattr(self, "_total", 0) + len(raw_data)
        if self._total > settings.MAX_UPLOAD_BYTES:
            self.upload_interrupted()
            raise UploadTooLarge
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> StagedFile:
        """Hand the finished file to the request."""
        self._file.seek(0)
        return StagedFile(
            self._path, self._file, self.file_name or "", file_size, content_type=self.content_type
        )

    def upload_interrupted(self) -> None:
        """Remove what arrived of the file that was cut off."""
        if hasattr(self, "_file"):
            self._file.close()
            self._path.unlink(missing_ok=True)


def make_staging_folder(owner: uuid.UUID | str) -> Path:
    """The staging folder of one upload (0700), named by the row that owns it."""
    return _staging_folder(str(uuid.UUID(str(owner))))


def remove_staging_folder(owner: uuid.UUID | str) -> None:
    """Empty and remove the staging folder of one upload; a missing one is fine."""
    shutil.rmtree(inside(Path(settings.STAGING_ROOT), str(uuid.UUID(str(owner)))), ignore_errors=True)


def clear_staging(keep: Iterable[uuid.UUID | str] = ()) -> int:
    """Remove everything in the staging folder but the uploads that a waiting job still needs.

    Returns:
        How many folders and files were removed.
    """
    kept = {str(owner) for owner in keep}
    root = Path(settings.STAGING_ROOT)
    if not root.is_dir():
        return 0
    doomed = [path for path in root.iterdir() if path.name not in kept]
    for path in doomed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(doomed)


def staged_owners() -> Iterator[uuid.UUID]:
    """The rows whose uploads lie in the staging folder."""
    root = Path(settings.STAGING_ROOT)
    for path in root.iterdir() if root.is_dir() else ():
        with contextlib.suppress(ValueError):
            yield uuid.UUID(path.name)


def clear_abandoned(older_than: float, owners: Iterable[uuid.UUID]) -> int:
    """Remove what a killed web process left: files that arrived, and folders of rows that never came to be.

    Args:
        older_than: Only what was last written before this time (seconds since the epoch).
        owners: Names of folders that no row stands behind.

    Returns:
        How many files and folders were removed.
    """
    root = Path(settings.STAGING_ROOT)
    left = [*(root / _ARRIVING).glob("*"), *(root / str(owner) for owner in owners)]
    removed = 0
    for path in left:
        with contextlib.suppress(FileNotFoundError):  # it was kept, or removed by another, just now
            if path.stat().st_mtime < older_than:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
                removed += 1
    return removed


def _staging_folder(name: str) -> Path:
    root = Path(settings.STAGING_ROOT)
    for folder in (root, inside(root, name)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    return inside(root, name)
