"""Handing out pixels: real ones audited, synthetic ones in bulk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import RawIOBase

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from generation.models import Batch, BatchState, SourceImage
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict
from synthlab.core.files import path_of, serve_file

# The archive of a batch is the same bytes whenever it is made.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@transaction.atomic
def serve_real_image(
    request: HttpRequest, *, actor: User, image: SourceImage, thumbnail: bool = False
) -> HttpResponseBase:
    """Serve a real image to someone with `view_real`; each look is audited, none is cached."""
    record_event(chain=dataset_chain(image.dataset), actor=actor, action="real_image.viewed", target=image)
    digest = image.thumbnail_digest if thumbnail and image.thumbnail_digest else image.digest
    response = serve_file(request, digest, content_type="image/png", immutable=False)
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
