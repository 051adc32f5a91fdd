"""Edits name the version they edit (If-Match), reads of what polls can be answered with 304."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from synthlab.core.exceptions import PreconditionFailed, PreconditionRequired


def etag_of(revision: int | str) -> str:
    """The strong entity tag of a revision: `"7"`."""
    return f'"{revision}"'


def require_if_match(request: Request) -> int:
    """The revision a caller says to edit.

    Raises:
        PreconditionRequired: There is no If-Match header (428).
        PreconditionFailed: It is not a revision that could ever match (412).
    """
    tag = _if_match(request)
    number = tag.strip('"')
    if not (tag == f'"{number}"' and number.isascii() and number.isdigit() and len(number) < 12):
        raise PreconditionFailed(
            "stale_version",
            "If-Match must be the ETag of the version you edit. Nothing was changed; read it again.",
        )
    return int(number)


def check_if_match(request: Request, etag: str) -> None:
    """Refuse an edit of anything but the version that carries `etag`.

    Raises:
        PreconditionRequired: There is no If-Match header (428).
        PreconditionFailed: The stored version is another one (412).
    """
    if _if_match(request) != etag:
        raise PreconditionFailed(
            "stale_version",
            "Somebody changed this meanwhile. Nothing was changed; read it again and repeat the edit.",
        )


def _if_match(request: Request) -> str:
    tag = request.headers.get("If-Match", "").strip()
    if not tag:
        raise PreconditionRequired(
            "version_required", "Send If-Match with the ETag of the version you edit. Nothing was changed."
        )
    return tag


def etag_of_data(data: Any) -> str:
    """The weak entity tag of a representation."""
    return f'W/"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def conditional_response(request: Request, data: Any, etag: str | None = None) -> Response:
    """A 200 with its ETag, or an empty 304 when the caller has this version already."""
    tag = etag or etag_of_data(data)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = {part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")}
    if tag.removeprefix("W/") in known:
        return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(data, headers=headers)


def digest_of_data(data: Any) -> str:
    """SHA-256 of canonical JSON."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode("utf-8", "backslashreplace")).hexdigest()
