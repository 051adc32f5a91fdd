"""The same Idempotency-Key gets the same answer again, so that a lost reply can be asked for twice."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.http import QueryDict
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from synthlab.core.api.preconditions import digest_of_data
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.models import IdempotencyKey

HEADER = "Idempotency-Key"
KEEP_FOR = timedelta(days=30)  # a browser may come back from a long weekend offline
_FORMAT = re.compile(r"[\x21-\x7e]{8,128}")
_KEPT_HEADERS = ("Location", "Retry-After", "ETag")

P = ParamSpec("P")
V = TypeVar("V")
Handler = Callable[Concatenate[V, Request, P], Response]


@overload
def idempotent(handler: Handler[V, P], /) -> Handler[V, P]: ...
@overload
def idempotent(*, secrets: Sequence[str]) -> Callable[[Handler[V, P]], Handler[V, P]]: ...
def idempotent(
    handler: Handler[V, P] | None = None, /, *, secrets: Sequence[str] = ()
) -> Handler[V, P] | Callable[[Handler[V, P]], Handler[V, P]]:
    """Make a creating POST of a viewset repeatable.

    The first successful answer is stored in the transaction that made the thing, so either both
    exist or neither; a refusal stores nothing, since it changed nothing.

    Args:
        handler: The viewset's method.
        secrets: Members of the answer that are shown once and never stored; a replay has null there.

    Raises:
        InvalidInput: The key is malformed, or was used for another request.
        Conflict: A request with this key is still at work.
    """
    if handler is None:
        return lambda inner: _wrap(inner, secrets)
    return _wrap(handler, secrets)


def _wrap(handler: Handler[V, P], secrets: Sequence[str]) -> Handler[V, P]:
    @functools.wraps(handler)
    def wrapper(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get(HEADER, "").strip().strip('"')
        if not key or not request.user.is_authenticated:
            return handler(view, request, *args, **kwargs)
        if not _FORMAT.fullmatch(key):
            raise InvalidInput(
                "idempotency_key_malformed",
                f"{HEADER} must be 8 to 128 visible ASCII characters, such as a UUID.",
            )
        digest = _request_digest(request)
        with transaction.atomic():
            _take_turn(str(request.user.pk), key)
            stored = IdempotencyKey.objects.filter(user=request.user.pk, key=key).first()
            if stored is not None:
                return _replay(stored, request, digest)
            response = handler(view, request, *args, **kwargs)
            if response.status_code < 300:
                _store(request, key, digest, response, secrets)
            return response

    return wrapper


def _take_turn(user_id: str, key: str) -> None:
    """One request per key at a time.

    PostgreSQL: an advisory lock of the transaction, or a conflict at once. SQLite has one writer at a
    time (`transaction_mode` IMMEDIATE): the second request waits at the start of its transaction and
    then finds the stored answer.
    """
    if connection.vendor != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(f"{user_id}|{key}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    if not row or not row[0]:
        raise Conflict(
            "idempotency_in_flight",
            f"A request with this {HEADER} is still at work. Wait a moment and send it again.",
        )


def _request_digest(request: Request) -> str:
    data: Any = request.data
    if isinstance(data, QueryDict):
        # Sizes stand for uploaded files: their names are identifiers and their content may be gigabytes.
        data = {
            name: [part.size if isinstance(part, UploadedFile) else part for part in data.getlist(name)]
            for name in data
        }
    return digest_of_data([request.method, request.path, data])


def _replay(stored: IdempotencyKey, request: Request, digest: str) -> Response:
    if stored.request_digest != digest:
        raise InvalidInput(
            "idempotency_key_reused",
            f"This {HEADER} belongs to another request. Use a new key for a new request.",
        )
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(stored.body, status=stored.status, headers=headers)


def _store(request: Request, key: str, digest: str, response: Response, secrets: Sequence[str]) -> None:
    from rest_framework.renderers import JSONRenderer

    body = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
    if isinstance(body, dict):
        body |= {name: None for name in secrets if name in body}
    IdempotencyKey.objects.create(
        user_id=str(request.user.pk),
        key=key,
        endpoint=f"{request.method} {request.path}"[:200],
        request_digest=digest,
        status=response.status_code,
        headers={name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        body=body,
    )


def forget_old_keys() -> int:
    """Remove keys that nobody will send again; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEEP_FOR).delete()[0]
