"""What can go wrong, as exceptions: one class for each family of refusals, each with the server's stable code."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import httpx

from synthlab.client.pauses import seconds_asked


class Problem(Exception):
    """The server refused a request (problem+json, RFC 9457). Subclasses say of what kind.

    Attributes:
        status: The HTTP status.
        code: The stable code to act on, such as `unknown_class`.
        detail: What happened and what to do, for a person.
        extra: The other members of the document (`errors` …).
        retry_after: Seconds after which the server wants to be asked again, if it said so.
    """

    def __init__(
        self, status: int, code: str, detail: str, extra: dict[str, Any], retry_after: float | None = None
    ) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.status, self.code, self.detail, self.extra = status, code, detail, extra
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled by `args`, which holds the sentence only; process pools need all of it.
        return type(self), (self.status, self.code, self.detail, self.extra, self.retry_after)

    @property
    def request_id(self) -> str | None:
        """What finds the request in the server's log."""
        found = self.extra.get("request_id")
        return found if isinstance(found, str) else None

    @property
    def errors(self) -> list[dict[str, str]]:
        """The fields at fault, each with `field`, `code` and `detail`; for most refusals none."""
        found = self.extra.get("errors")
        return found if isinstance(found, list) else []

    @classmethod
    def of(cls, response: httpx.Response) -> Problem:
        """Read a refusal, whatever the server made of it."""
        try:
            body = response.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        code = str(body.pop("code", None) or f"http_{response.status_code}")
        detail = str(body.pop("detail", None) or response.reason_phrase)
        kind = _FAMILIES.get(response.status_code, cls)
        return kind(response.status_code, code, detail, body, seconds_asked(response))


class NotSignedIn(Problem):
    """401: the token is unknown, expired or revoked, or none was sent."""


class NotAllowed(Problem):
    """403: you may see it, but not do this; or the token may only read."""


class NotFound(Problem):
    """404: it does not exist, or is not yours to see."""


class Conflict(Problem):
    """409: it is in a state in which this cannot be done."""


class OutOfDate(Problem):
    """412, 428: you edit an older version, or did not say which."""


class InvalidInput(Problem):
    """400, 405, 406, 413, 415, 422: the request is at fault."""


class TooMany(Problem):
    """429: too many requests, still after all tries."""


class ServerFailed(Problem):
    """500: the server's fault; nothing was half done, `request_id` finds the log line."""


class Unavailable(Problem):
    """502, 503, 504: the server is away or busy, still after all tries."""


_FAMILIES: dict[int, type[Problem]] = {
    HTTPStatus.UNAUTHORIZED: NotSignedIn,
    HTTPStatus.FORBIDDEN: NotAllowed,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.PRECONDITION_FAILED: OutOfDate,
    HTTPStatus.PRECONDITION_REQUIRED: OutOfDate,
    **dict.fromkeys((400, 405, 406, 413, 415, 422), InvalidInput),
    HTTPStatus.TOO_MANY_REQUESTS: TooMany,
    HTTPStatus.INTERNAL_SERVER_ERROR: ServerFailed,
    **dict.fromkeys((502, 503, 504), Unavailable),
}


class JobFailed(Exception):
    """Long work ended otherwise than well.

    Attributes:
        job: Its last state as the server tells it.
        code: The stable code, such as `out_of_memory`; empty where there is none.
        detail: What happened, for a person.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.code: str = job.get("error_code") or ""
        self.detail: str = job.get("error") or "no reason was given"
        super().__init__(f"{job['kind']} {job['state']}: {self.detail}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.job,)


class UnsafeAddress(ValueError):
    """The address would send the token unencrypted, or is no address of a server."""


class NotFinished(Exception):
    """A batch was asked for its images before it succeeded."""


class BadAnswer(ValueError):
    """The server's answer is not what this client was made for; nothing was taken from it."""


class WrongDigest(ValueError):
    """A file is not the one that was promised. What came was not kept."""
