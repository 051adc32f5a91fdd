"""One line to one server: its address, the token, and requests that are repeated where that does no harm."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from synthlab.client.pauses import (
    LONGEST_PAUSE,
    backoff,
    is_repeatable,
    may_follow_answer,
    may_follow_error,
    seconds_asked,
)
from synthlab.client.problems import BadAnswer, Problem, UnsafeAddress

BASE = "/api/v1/"


class Connection:
    """Sends requests to one server, and to no other: the token goes nowhere else.

    Args:
        url: The server's address.
        token: The API token. It is in no text that this object shows.
        tries: How often a request that may be repeated is tried.
        timeout: Seconds to wait for an answer.
        allow_http: Whether the token may go over plain HTTP to another machine.
        ca_file: A certificate authority of one's own, in PEM.
        transport: For tests.

    Raises:
        UnsafeAddress: Plain HTTP to another machine, or no address of a server.
        ValueError: There is no token, or it has letters that no token has.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        tries: int = 5,
        timeout: float = 60.0,
        allow_http: bool = False,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = checked_address(url, allow_http=allow_http)
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("an API token is needed: make one on your profile page")
        self.tries = max(tries, 1)
        self._http = httpx.Client(
            base_url=f"{self.url}{BASE}",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
            verify=ssl.create_default_context(cafile=ca_file) if ca_file else True,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def close(self) -> None:
        """Close it."""
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; repeat it while the server is away or busy, if that cannot do anything twice.

        Args:
            method: Of HTTP.
            path: Below `/api/v1/`, or a whole address on this server.
            options: As httpx takes them; `content` may be a function that makes the body for each try.

        Raises:
            Problem: The server refused it.
            httpx.TransportError: It could not be reached, `tries` times.
        """
        repeatable = is_repeatable(method, httpx.Headers(options.get("headers")))
        pauses = backoff()
        for tries_left in reversed(range(self.tries)):
            pause = next(pauses)
            try:
                content = options.get("content")
                fresh = {"content": content()} if callable(content) else {}
                response = self._http.request(method, self._here(path), **{**options, **fresh})
            except httpx.TransportError as error:
                if not tries_left or not may_follow_error(error, repeatable=repeatable):
                    raise
            else:
                asked = seconds_asked(response)
                is_last = not tries_left or (asked or 0.0) > LONGEST_PAUSE
                if is_last or not may_follow_answer(response, repeatable=repeatable):
                    return checked(response)
                pause = pause if asked is None else max(asked, pause)
            time.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def send_once(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request whose body cannot be made again."""
        return checked(self._http.request(method, self._here(path), **options))

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The beginning of an answer, whose body is then read piece by piece; not repeated.

        Raises:
            Problem: The server refused it.
        """
        exact = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
        with self._http.stream("GET", self._here(path), headers=exact) as response:
            if response.is_error and response.status_code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                response.read()
                raise Problem.of(response)
            yield response

    def _here(self, path: str) -> str:
        """The path on this server: what an answer calls its next page may name the server otherwise."""
        found = httpx.URL(path)
        if not found.is_absolute_url:
            return path
        if not found.path.startswith(BASE):
            raise BadAnswer("an address in the answer leads out of the API")
        return found.raw_path.decode("ascii").removeprefix(BASE)


def checked(response: httpx.Response) -> httpx.Response:
    """The same answer, unless it is a refusal.

    Raises:
        Problem: It is one.
        BadAnswer: It leads elsewhere; the token is not sent after it.
    """
    if response.is_error:
        raise Problem.of(response)
    if response.has_redirect_location:
        raise BadAnswer(
            f"the server answered {response.status_code} and pointed elsewhere; is the address right?"
        )
    return response


def checked_address(url: str, *, allow_http: bool) -> str:
    """An address without what does not belong to one.

    Raises:
        UnsafeAddress: Plain HTTP to another machine, or no address of a server.
    """
    try:
        found = httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise UnsafeAddress("that is no address; it looks like https://lab.example") from None
    if found.scheme not in ("http", "https") or not found.host or found.query or found.fragment:
        raise UnsafeAddress("that is no address of a server; it looks like https://lab.example")
    if found.userinfo:
        raise UnsafeAddress("leave name and password out of the address; the token says who you are")
    if found.scheme == "http" and not allow_http and not _is_this_machine(found.host):
        raise UnsafeAddress(
            f"http://{found.host} is not encrypted: everybody on the way could read the token. "
            "Use https, or say allow_http=True if the network is yours alone."
        )
    return str(found).rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
