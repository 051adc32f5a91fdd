"""Handing out pixels: real ones audited, synthetic ones in bulk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from io import RawIOBase
from typing import Any
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from generation.models import Batch, BatchState, Dataset, SourceImage
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict
from synthlab.core.files import path_of, serve_file

# The archive of a batch is the same bytes whenever it is made.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_AS_PNG: Any = {"content_type": "image/png", "immutable": False}


# A pass is good for as long as a page of thumbnails may take to load, and a look back at it.
PASS_SECONDS = 600
_signer = TimestampSigner(salt="generation.thumbnail")


def record_looks(*, actor: User, dataset: Dataset, images: Sequence[SourceImage]) -> dict[UUID, str]:
    """Write down that a page of thumbnails was shown, one event for all of them, and let the page fetch them.

    An event for each picture would queue them all up for the one head of the audit chain. So the page is recorded as a
    whole, with every id, before it is answered; each thumbnail is then fetched with a pass that is good for this person,
    this image and ten minutes.

    Returns:
        The pass of each image, by its id.
    """
    if images:
        record_event(
            chain=dataset_chain(dataset),
            actor=actor,
            action="real_images.viewed",
            target=dataset,
            facts={"images": [str(image.pk) for image in images], "size": "thumbnail"},
        )
    return {image.pk: _pass_of(actor, image) for image in images}


def _pass_of(actor: User, image: SourceImage) -> str:
    named = _named(actor, image)
    return _signer.sign(named).removeprefix(f"{named}:")


def _named(actor: User, image: SourceImage) -> str:
    return f"{actor.pk}.{image.pk}"


def _is_recorded(actor: User, image: SourceImage, token: str) -> bool:
    """Whether a page that was recorded gave out this pass, lately, to this person and for this image."""
    try:
        _signer.unsign(f"{_named(actor, image)}:{token}", max_age=PASS_SECONDS)
    except BadSignature:
        return False
    return True


def serve_thumbnail(
    request: HttpRequest, *, actor: User, image: SourceImage, token: str = ""
) -> HttpResponseBase:
    """Serve a real image, small, to someone with `view_real`: with a pass as part of a recorded page, else recorded."""
    if not _is_recorded(actor, image, token):
        return serve_real_image(request, actor=actor, image=image, thumbnail=True)
    return _private(serve_file(request, image.thumbnail_digest or image.digest, **_AS_PNG))


@transaction.atomic
def serve_real_image(
    request: HttpRequest, *, actor: User, image: SourceImage, thumbnail: bool = False
) -> HttpResponseBase:
    """Serve a real image to someone with `view_real`; each look is audited, none is cached."""
    record_event(chain=dataset_chain(image.dataset), actor=actor, action="real_image.viewed", target=image)
    digest = image.thumbnail_digest if thumbnail and image.thumbnail_digest else image.digest
    return _private(serve_file(request, digest, **_AS_PNG))


def _private(response: HttpResponseBase) -> HttpResponseBase:
    response.headers["Cache-Control"] = "private, no-store"
    return response


class _Chunks(RawIOBase):
    """A write-only, non-seekable file whose content is taken away as it comes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        joined = b"".join(self._parts)
        self._parts.clear()
        return joined


def stream_archive(*, actor: User, batch: Batch) -> StreamingHttpResponse:
    """A zip of a finished batch, one image in memory at a time.

    Raises:
        Conflict: The batch has not finished.
    """
    if batch.state != BatchState.SUCCEEDED:
        raise Conflict(
            "batch_not_finished", f"This batch is {batch.state}; download it when it has succeeded."
        )
    response = StreamingHttpResponse(_zip_parts(batch), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="batch-{batch.pk}.zip"'
    return response


def _zip_parts(batch: Batch) -> Iterator[bytes]:
    sink = _Chunks()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[type-var, arg-type, unused-ignore]
        for index, digest in batch.images.order_by("index").values_list("index", "digest").iterator():
            entry = zipfile.ZipInfo(f"{index:06d}.png", date_time=ZIP_EPOCH)
            archive.writestr(entry, path_of(digest).read_bytes())
            yield sink.take()
    yield sink.take()
