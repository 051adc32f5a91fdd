"""The same Idempotency-Key gets the same answer again, so that a lost reply can be asked for twice."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, overload
from uuid import UUID

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
_LOOK_AGAIN_SECONDS = 0.05
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
        wish = Wish(request.user.pk, str(request.method), request.path, request.data)
        return answer_once(wish, key, lambda: handler(view, request, *args, **kwargs), secrets=secrets)

    return wrapper


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asks for what: under one key always the same."""

    user_id: UUID
    method: str
    path: str
    data: Any

    @property
    def endpoint(self) -> str:
        """Method and path, as they are kept with the answer."""
        return f"{self.method} {self.path}"[:200]

    def digest(self) -> str:
        """SHA-256 by which another wish under the same key is told from this one."""
        data = self.data
        if isinstance(data, QueryDict):
            # Sizes stand for uploaded files: their names are identifiers and their content may be gigabytes.
            data = {
                name: [part.size if isinstance(part, UploadedFile) else part for part in data.getlist(name)]
                for name in data
            }
        return digest_of_data([self.method, self.path, data])


def answer_once(
    wish: Wish, key: str, answer: Callable[[], Response], *, secrets: Sequence[str] = (), patience: float = 0
) -> Response:
    """The answer to a wish, or the one that was stored when its key was first used.

    Args:
        wish: What is asked for.
        key: Its Idempotency-Key.
        answer: Grants the wish; called at most once, inside the transaction that stores what it says.
        secrets: See `idempotent`.
        patience: Seconds to wait for a request with the same key that is still at work.

    Raises:
        InvalidInput: The key is malformed, or was used for another wish.
        Conflict: A request with this key is still at work.
    """
    if not _FORMAT.fullmatch(key):
        raise InvalidInput(
            "idempotency_key_malformed",
            f"{HEADER} must be 8 to 128 visible ASCII characters, such as a UUID.",
        )
    digest = wish.digest()
    with transaction.atomic():
        _take_turn(wish.user_id, key, patience)
        stored = IdempotencyKey.objects.filter(user=wish.user_id, key=key).first()
        if stored is not None:
            return _replay(stored, digest)
        response = answer()
        if response.status_code < 300:
            _store(wish, key, digest, response, secrets)
        return response


def _take_turn(user_id: UUID, key: str, patience: float) -> None:
    """One request per key at a time.

    PostgreSQL: an advisory lock of the transaction, or a conflict when patience ends. SQLite has one writer at a
    time (`transaction_mode` IMMEDIATE): the second request waits at the start of its transaction and
    then finds the stored answer.
    """
    if connection.vendor != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(f"{user_id}|{key}".encode()).digest()[:8], "big", signed=True)
    end = time.monotonic() + patience
    while not _locks(number):
        if time.monotonic() >= end:
            raise Conflict(
                "idempotency_in_flight",
                f"A request with this {HEADER} is still at work. Wait a moment and send it again.",
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def _locks(number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    return bool(row and row[0])


def _replay(stored: IdempotencyKey, digest: str) -> Response:
    if stored.request_digest != digest:
        raise InvalidInput(
            "idempotency_key_reused",
            f"This {HEADER} belongs to another request. Use a new key for a new request.",
        )
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(stored.body, status=stored.status, headers=headers)


def _store(wish: Wish, key: str, digest: str, response: Response, secrets: Sequence[str]) -> None:
    from rest_framework.renderers import JSONRenderer

    body = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
    if isinstance(body, dict):
        body |= {name: None for name in secrets if name in body}
    IdempotencyKey.objects.create(
        user_id=wish.user_id,
        key=key,
        endpoint=wish.endpoint,
        request_digest=digest,
        status=response.status_code,
        headers={name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        body=body,
    )


def forget_old_keys() -> int:
    """Remove keys that nobody will send again; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEEP_FOR).delete()[0]
