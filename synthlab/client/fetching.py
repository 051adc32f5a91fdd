"""One file from the server: what broke off goes on where it stopped, and only the promised bytes get the name."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import httpx

from synthlab.client.connection import Connection
from synthlab.client.pauses import LONGEST_PAUSE, backoff
from synthlab.client.problems import BadAnswer, Problem, WrongDigest

CHUNK = 1024 * 1024
OnBytes = Callable[[int, int], None]
"""Bytes that are here, and bytes that there are (0 if nobody said)."""

_PASSING = frozenset({429, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class Fetch:
    """Reads one address to its end into a file, over as many connections as that takes.

    Args:
        connection: To the server.
        path: Below `/api/v1/`.
        file: Open for reading and writing; what it holds already is the beginning.
        etag: Of the answer that the beginning came from; empty if that is not known.
        known: Whether what comes is checked by its digest, so that a beginning may be trusted without an ETag.
        limit: Bytes that it may have at most.
    """

    def __init__(
        self,
        connection: Connection,
        path: str,
        file: BinaryIO,
        *,
        etag: str = "",
        known: bool = False,
        limit: int | None = None,
    ) -> None:
        self._connection, self._path, self._file = connection, path, file
        self.etag, self._known, self._limit = etag, known, limit
        self.takes_ranges = False

    def run(self, on_bytes: OnBytes | None = None, *, only_by_ranges: bool = False) -> bool:
        """Read all of it.

        Args:
            on_bytes: Called after each piece.
            only_by_ranges: Do not begin where the server could not go on later.

        Returns:
            Whether it was read: False only if the server takes no ranges and that was asked for.

        Raises:
            Problem: The server refused it.
            httpx.TransportError: The line broke, and nothing more came in as many tries.
            WrongDigest: More came than the file has.
        """
        tries, left, furthest, pauses = (
            self._connection.tries,
            self._connection.tries,
            self._have(),
            backoff(),
        )
        while True:
            try:
                return self._read(on_bytes, only_by_ranges)
            except httpx.TransportError:
                pause = next(pauses)
                if left <= 1 and self._have() <= furthest:
                    raise
            except Problem as problem:
                asked = problem.retry_after or 0.0
                if problem.status not in _PASSING or left <= 1 or asked > LONGEST_PAUSE:
                    raise
                pause = max(next(pauses), asked)
            # Whoever comes further than ever before may try as often again: that cannot go on for ever.
            left = tries if self._have() > furthest else left - 1
            furthest = max(furthest, self._have())
            time.sleep(pause)

    def _read(self, on_bytes: OnBytes | None, only_by_ranges: bool) -> bool:
        have = self._have()
        with self._connection.stream(self._path, self._headers(have)) as response:
            self.takes_ranges = (
                response.status_code == 206 or response.headers.get("Accept-Ranges") == "bytes"
            )
            if only_by_ranges and not self.takes_ranges and response.status_code == 200:
                return False
            if not self._begin(response, have):
                return True
            total = self._have() + int(response.headers.get("Content-Length", -self._have()))
            # As it comes: what httpx gathers to pieces of one size would be lost with the line.
            for piece in response.iter_raw():
                self._file.write(piece)
                if self._limit is not None and self._have() > self._limit:
                    raise WrongDigest(f"{self._path}: more came than the file has")
                if on_bytes:
                    on_bytes(self._have(), total)
        return True

    def _headers(self, have: int) -> dict[str, str]:
        if have and not (self.etag or self._known):
            self._restart()
            have = 0
        if not have:
            return {}
        return {"Range": f"bytes={have}-"} | ({"If-Range": self.etag} if self.etag else {})

    def _begin(self, response: httpx.Response, have: int) -> bool:
        """Place the file for what comes; False if nothing more has to come."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise BadAnswer(f"{self._path}: came packed, which was not asked for")
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code == 416:
            if found and have and found[2] == str(have):
                return False  # it was whole already
            self._restart()
            raise httpx.ReadError("the beginning that was here does not fit; it is fetched anew")
        if response.status_code == 206:
            if not (have and found and found[1] == str(have)):
                self._restart()
                raise httpx.ReadError("another part came than was asked for; it is fetched anew")
        else:
            self._restart()
        etag = response.headers.get("ETag", "")
        self.etag = "" if etag.startswith("W/") else etag
        return True

    def _have(self) -> int:
        return self._file.seek(0, os.SEEK_END)

    def _restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.etag = ""


class Part:
    """The half-loaded file beside a target, and the ETag of what it is a part of, kept for a later run.

    Args:
        target: Where the whole file is to stand.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._etag = target.with_name(f"{target.name}.part.etag")

    def fetch(
        self,
        connection: Connection,
        path: str,
        *,
        known: bool,
        on_bytes: OnBytes | None = None,
        only_by_ranges: bool = False,
    ) -> bool:
        """Load it to its end, from where an earlier run stopped; see `Fetch.run`."""
        etag = self._etag.read_text(encoding="ascii", errors="replace") if self._etag.exists() else ""
        with self.path.open("a+b") as file:
            fetch = Fetch(connection, path, file, etag=etag, known=known)
            try:
                return fetch.run(on_bytes, only_by_ranges=only_by_ranges)
            finally:
                self._etag.write_text(fetch.etag, encoding="ascii", errors="replace")

    def remove(self) -> None:
        """Leave nothing of it."""
        self.path.unlink(missing_ok=True)
        self._etag.unlink(missing_ok=True)

    def become(self, target: Path) -> Path:
        """Give it its name."""
        self.path.replace(target)
        self.remove()
        return target


def fetch_file(
    connection: Connection, path: str, target: Path, *, digest: str | None, on_bytes: OnBytes | None = None
) -> Path:
    """Fetch a file, check it, and only then give it its name.

    Raises:
        WrongDigest: The file that came is not the promised one; it is removed.
    """
    part = Part(target)
    part.fetch(connection, path, known=digest is not None, on_bytes=on_bytes)
    if digest and digest_of(part.path) != digest:
        part.remove()
        raise WrongDigest(f"{path}: the file that came is not the one that was promised; download it again")
    return part.become(target)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name is never seen with half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
