"""Files that never change over HTTP: conditional and range requests, a fixed type, nothing a browser could run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags, quote_etag

from synthlab.core.exceptions import NotFound

# No file needs more digits, and Python refuses to read very long numbers.
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK = 256 * 1024


@dataclass(frozen=True)
class _Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def serve_path(
    request: HttpRequest,
    path: Path,
    *,
    etag: str,
    content_type: str,
    filename: str | None = None,
    immutable: bool = True,
) -> HttpResponseBase:
    """Answer with a file. See `synthlab.core.files.serve_file` for the arguments."""
    quoted = quote_etag(etag)
    if _matches(request.headers.get("If-None-Match", ""), quoted):
        return _with_headers(HttpResponse(status=304), quoted, content_type, filename, immutable)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound("file_missing", "The file is not in the store.") from None
    size = os.fstat(file.fileno()).st_size
    span = _requested_span(request, quoted, size)
    if span is None:
        response: HttpResponseBase = FileResponse(file, content_type=content_type)
    elif span.length <= 0:
        file.close()
        response = _unmet(size)
    else:
        response = _partial(file, span, size, content_type)
    return _with_headers(response, quoted, content_type, filename, immutable)


@dataclass(frozen=True)
class MadeContent:
    """Content that is put together while it is sent, the same bytes each time.

    Attributes:
        size: Bytes of the whole.
        etag: Changes whenever a byte does.
        read: `read(first, length)` yields these bytes in pieces.
    """

    size: int
    etag: str
    read: Callable[[int, int], Iterator[bytes]]


def serve_made(
    request: HttpRequest, content: MadeContent, *, content_type: str, filename: str
) -> HttpResponseBase:
    """Answer with content that lies in no file, as a download; ranges and conditions as with a file."""
    quoted = quote_etag(content.etag)
    if _matches(request.headers.get("If-None-Match", ""), quoted):
        return _with_headers(HttpResponse(status=304), quoted, content_type, filename, immutable=False)
    span = _requested_span(request, quoted, content.size)
    if span is not None and span.length <= 0:
        response: HttpResponseBase = _unmet(content.size)
    else:
        sent = span or _Span(0, content.size - 1)
        response = StreamingHttpResponse(
            content.read(sent.first, sent.length), status=206 if span else 200, content_type=content_type
        )
        response.headers["Content-Length"] = str(sent.length)
        if span:
            response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{content.size}"
    return _with_headers(response, quoted, content_type, filename, immutable=False)


def _unmet(size: int) -> HttpResponse:
    return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})


def _matches(header: str, etag: str) -> bool:
    etags = parse_etags(header) if header else []
    return "*" in etags or etag in etags or f"W/{etag}" in etags


def _requested_span(request: HttpRequest, etag: str, size: int) -> _Span | None:
    """The one range asked for; none where the whole file is to be sent; an empty one where it cannot be met."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        return _Span(max(size - int(last), 0), size - 1)
    end = min(int(last), size - 1) if last else size - 1
    return _Span(int(first), end)


def _partial(file: BinaryIO, span: _Span, size: int, content_type: str) -> HttpResponseBase:
    response = StreamingHttpResponse(_Slice(file, span), status=206, content_type=content_type)
    response.headers["Content-Length"] = str(span.length)
    response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    return response


class _Slice:
    """A part of an open file, read in pieces; the server closes it, also when nobody read it."""

    def __init__(self, file: BinaryIO, span: _Span) -> None:
        self._file = file
        self._span = span

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._span.first)
        left = self._span.length
        while left > 0 and (chunk := self._file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _with_headers(
    response: HttpResponseBase, etag: str, content_type: str, filename: str | None, immutable: bool
) -> HttpResponseBase:
    headers = response.headers
    headers["ETag"] = etag
    headers["Accept-Ranges"] = "bytes"
    headers["Cache-Control"] = "private, max-age=31536000, immutable" if immutable else "private, no-cache"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if response.status_code == 304:
        headers.pop("Content-Type", None)
    else:
        headers["Content-Type"] = content_type
    disposition = content_disposition_header(as_attachment=True, filename=filename) if filename else None
    if disposition:
        headers["Content-Disposition"] = disposition
    else:
        headers.pop("Content-Disposition", None)
    return response
