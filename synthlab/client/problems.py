"""What the server refuses, as exceptions that carry its stable code."""

from __future__ import annotations

from typing import Any

import httpx


class Problem(Exception):
    """The server refused a request (problem+json, RFC 9457).

    Attributes:
        status: The HTTP status.
        code: The stable code to act on, such as `unknown_class`.
        detail: What happened and what to do, for a person.
        extra: The other members of the document (`request_id`, `errors` …).
    """

    def __init__(self, status: int, code: str, detail: str, extra: dict[str, Any]) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.status, self.code, self.detail, self.extra = status, code, detail, extra

    @classmethod
    def of(cls, response: httpx.Response) -> Problem:
        """Read a refusal, whatever the server made of it."""
        try:
            body = response.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        code = body.pop("code", f"http_{response.status_code}")
        detail = body.pop("detail", response.reason_phrase)
        return cls(response.status_code, code, detail, body)


class JobFailed(Exception):
    """Long work ended otherwise than well; `job` is its last state as the server tells it."""

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(f"{job['kind']} {job['state']}: {job['error'] or 'no reason was given'}")
        self.job = job
