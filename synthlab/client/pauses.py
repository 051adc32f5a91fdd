"""How long to wait before a request is sent again, and which may be."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

LONGEST_PAUSE = 120.0
"""A server that asks for more is not waited for."""

_FIRST, _LONGEST = 0.25, 8.0
# Repeating these does nothing twice (RFC 9110 §9.2.2).
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# The server did not begin with the request; with the other two it may have.
_NOT_BEGUN = frozenset({429, 503})
_PASSING = frozenset({*_NOT_BEGUN, 502, 504})
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def backoff() -> Iterator[float]:
    """Seconds to wait before each further try: doubled each time, and spread so that many clients do not come together."""
    longest = _FIRST
    while True:
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        longest = min(longest * 2, _LONGEST)


def is_repeatable(method: str, headers: httpx.Headers) -> bool:
    """Whether a request may be sent again when nobody knows what became of it."""
    return method.upper() in _IDEMPOTENT or "Idempotency-Key" in headers


def may_follow_error(error: httpx.TransportError, *, repeatable: bool) -> bool:
    """Whether a request may be sent again after the line broke."""
    if isinstance(error, httpx.UnsupportedProtocol):
        return False
    return repeatable or isinstance(error, _NEVER_SENT)


def may_follow_answer(response: httpx.Response, *, repeatable: bool) -> bool:
    """Whether a request may be sent again after this answer."""
    if response.status_code == 409 and repeatable:
        # Our own first try is still at work.
        return _code_of(response) == "idempotency_in_flight"
    return response.status_code in (_PASSING if repeatable else _NOT_BEGUN)


def seconds_asked(response: httpx.Response) -> float | None:
    """What Retry-After says, as seconds from now: a number or a date (RFC 9110 §10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - time.time(), 0.0)


def _code_of(response: httpx.Response) -> str | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body.get("code") if isinstance(body, dict) else None
