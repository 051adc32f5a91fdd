"""The raw upload of one ingest: in a folder of its own from the request to the end of the job, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from generation.models import Dataset, Ingest
from synthlab.core.exceptions import InvalidInput
from synthlab.core.files import inside
from synthlab.core.uploads import make_staging_folder, remove_staging_folder

MAX_FILES = 10_000
_GROUPS = "groups.json"


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """Files that lie in the staging folder of the ingest that will have this id."""

    id: uuid.UUID
    file_count: int


@contextmanager
def staged(uploads: Sequence[Path]) -> Iterator[StagedUpload]:
    """Move an upload to where its ingest will look; without a committed ingest at the end, nothing of it stays.

    Enter it outside of the transaction that makes the ingest: only then can it see whether that was committed.

    Args:
        uploads: Files in the order of the upload; a file's place is its only name from here on.

    Raises:
        InvalidInput: No file was sent, or too many.
    """
    if not uploads:
        raise InvalidInput("no_files", "The upload held no file. Nothing was changed.")
    if len(uploads) > MAX_FILES:
        raise InvalidInput("too_many_files", f"At most {MAX_FILES} files in one upload; send a zip instead.")
    upload = StagedUpload(uuid.uuid4(), len(uploads))
    try:
        folder = make_staging_folder(upload.id)
        for ordinal, path in enumerate(uploads):
            shutil.move(path, file_path(folder, ordinal))
        yield upload
    finally:
        if not Ingest.objects.filter(pk=upload.id).exists():
            remove_staging_folder(upload.id)


def file_path(folder: Path, ordinal: int) -> Path:
    """Where the file of one place of the upload lies."""
    return folder / f"{ordinal:06d}"


def folder_of(ingest: Ingest) -> Path:
    """Where the raw upload lies until its job ends; never backed up, emptied at start-up."""
    return inside(Path(settings.STAGING_ROOT), str(ingest.pk))


def keep_groups(upload: StagedUpload, groups: Mapping[str, str]) -> None:
    """Put place → patient or slide beside the upload (0600): these may be identifiers, and go when it goes."""
    path = make_staging_folder(upload.id) / _GROUPS
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(groups), file)


def read_groups(ingest: Ingest) -> dict[str, str]:
    """What was given for this upload; nothing where nothing was."""
    try:
        groups: dict[str, str] = json.loads((folder_of(ingest) / _GROUPS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return groups


def group_salt(dataset: Dataset) -> str:
    """The data set's own secret, so that its group keys name a patient again and tell nobody else anything."""
    message = f"group keys of data set {dataset.pk}".encode()
    return hmac.digest(settings.SECRET_KEY.encode(), message, hashlib.sha256).hex()
