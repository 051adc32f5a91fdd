"""Uploads file by file: opened, filled in any order and as often as it takes, then read as one.

A lost connection costs one file. The bytes of each file are declared at the start, so that limits are known before
anything is sent and a file that was cut off is noticed.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import transaction

from generation.models import Dataset, Ingest, Upload
from generation.services import staging
from generation.services.access import require_owner
from generation.services.growth import lock_dataset, require_growable, require_same_form
from generation.services.ingesting import check_options, start_ingest
from synthlab.accounts.models import User
from synthlab.core.exceptions import Conflict, InvalidInput, NotFound
from synthlab.core.uploads import UploadTooLarge, make_staging_folder, remove_staging_folder

_CHUNK = 1024 * 1024
_NAMED_MISSING = 50


class Stream(Protocol):
    """The body of a request."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


@transaction.atomic
def open_upload(*, actor: User, dataset: Dataset, sizes: Sequence[int], options: dict[str, Any]) -> Upload:
    """Begin an upload; what another one to this data set had sent so far is dropped.

    Args:
        actor: The owner of the data set.
        dataset: One on which nothing was trained yet.
        sizes: Bytes of each file, by its place in the upload.
        options: What the upload will be read with; looked at now, so that nothing is sent in vain.

    Raises:
        NotAllowed: The actor is not the owner.
        Conflict: Something was trained on the data set, or an upload to it is being read.
        InvalidInput: No file, too many, or an option that the reading would refuse.
        TooLarge: More than `SYNTHLAB_MAX_UPLOAD_BYTES`.
    """
    require_owner(actor, dataset)
    if not sizes:
        raise InvalidInput("no_files", "The upload held no file. Nothing was changed.")
    if len(sizes) > staging.MAX_FILES:
        raise InvalidInput(
            "too_many_files", f"At most {staging.MAX_FILES} files in one upload; send a zip instead."
        )
    if sum(sizes) > settings.MAX_UPLOAD_BYTES:
        raise UploadTooLarge
    check_options(options)
    dataset = lock_dataset(dataset)
    require_growable(dataset)
    require_same_form(dataset, options)
    for left in Upload.objects.filter(dataset=dataset):
        discard_upload(actor=actor, upload=left)
    return Upload.objects.create(dataset=dataset, requested_by=actor, sizes=list(sizes))


def receive_file(*, actor: User, upload: Upload, place: int, body: Stream, announced: int) -> Path:
    """Put one file of an upload into the staging folder; sent again, it takes the place of the first one.

    Args:
        actor: The owner of the data set.
        upload: Open.
        place: Of the file in the upload.
        body: Its bytes.
        announced: How many the request says there are.

    Returns:
        Where it lies.

    Raises:
        NotAllowed: The actor is not the owner.
        NotFound: `no_such_place`: the upload has fewer files.
        InvalidInput: `size_mismatch`: not the bytes that were declared when the upload was opened.
    """
    require_owner(actor, upload.dataset)
    if place >= upload.file_count:
        raise NotFound("no_such_place", f"This upload has {upload.file_count} files, counted from 0.")
    size = upload.sizes[place]
    if announced != size:
        raise _mismatch(announced, size)
    folder = make_staging_folder(upload.pk)
    arriving = folder / f"arriving-{uuid.uuid4().hex}"
    try:
        came = _write(body, arriving, size)
        if came != size:
            raise _mismatch(came, size)
        return arriving.replace(staging.file_path(folder, place))
    finally:
        arriving.unlink(missing_ok=True)


def _write(body: Stream, path: Path, size: int) -> int:
    left = size
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while left and (chunk := body.read(min(_CHUNK, left))):
            file.write(chunk)
            left -= len(chunk)
    return size - left


def _mismatch(came: int, size: int) -> InvalidInput:
    return InvalidInput(
        "size_mismatch",
        f"{came} bytes came, {size} were declared for this place when the upload was opened. Nothing of this file was "
        "kept: send it again; if it has changed since, begin a new upload.",
    )


def missing_places(upload: Upload) -> list[int]:
    """Places whose file has not come yet, or is not there any more."""
    folder = Path(settings.STAGING_ROOT) / str(upload.pk)
    have = {path.name: path.stat().st_size for path in folder.glob("[0-9]*")} if folder.is_dir() else {}
    return [
        place
        for place, size in enumerate(upload.sizes)
        if have.get(staging.file_path(folder, place).name) != size
    ]


@transaction.atomic
def finish_upload(*, actor: User, upload: Upload, options: dict[str, Any]) -> Ingest:
    """Have an upload read, of which every file has come.

    Raises:
        Conflict: `upload_incomplete`, with the places that are missing; or what `start_ingest` says.
    """
    require_owner(actor, upload.dataset)
    dataset = lock_dataset(upload.dataset)
    if Upload.objects.filter(pk=upload.pk).delete()[0] != 1:
        raise Conflict(
            "upload_closed", "Another upload to this data set was begun since: this one was dropped."
        )
    if missing := missing_places(upload):
        raise Conflict(
            "upload_incomplete",
            f"{len(missing)} of {upload.file_count} files have not come. Send them, then do this again.",
            missing=missing[:_NAMED_MISSING],
        )
    staged = staging.StagedUpload(upload.pk, upload.file_count)
    return start_ingest(actor=actor, dataset=dataset, upload=staged, options=options)


@transaction.atomic
def discard_upload(*, actor: User, upload: Upload) -> None:
    """Drop an open upload and all that came of it.

    Raises:
        NotAllowed: The actor is not the owner.
    """
    require_owner(actor, upload.dataset)
    pk = upload.pk
    if Upload.objects.filter(pk=pk).delete()[0]:
        transaction.on_commit(lambda: remove_staging_folder(pk))
