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

SECRETS = ("groups", "names")
"""Options whose values may name a patient: place → patient or slide, place → file name."""


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


def keep_secrets(upload: StagedUpload, secrets: Mapping[str, Mapping[str, str]]) -> None:
    """Put what may name a patient beside the upload (0600): it goes when the upload goes."""
    for name, given in secrets.items():
        path = make_staging_folder(upload.id) / f"{name}.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dict(given), file)


def read_secrets(ingest: Ingest) -> dict[str, dict[str, str]]:
    """What was given for this upload; nothing where nothing was."""
    given = {name: folder_of(ingest) / f"{name}.json" for name in SECRETS}
    return {
        name: json.loads(path.read_text(encoding="utf-8")) for name, path in given.items() if path.is_file()
    }


def group_salt(dataset: Dataset) -> str:
    """The data set's own secret, so that its group keys name a patient again and tell nobody else anything."""
    message = f"group keys of data set {dataset.pk}".encode()
    return hmac.digest(settings.SECRET_KEY.encode(), message, hashlib.sha256).hex()
