"""Every address of `/api/v1/`, without types: bodies as dicts, pages, long work, uploads and checked downloads."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from synthlab.client.connection import Connection
from synthlab.client.fetching import CHUNK, fetch_file
from synthlab.client.local import chunks_of
from synthlab.client.problems import BadAnswer, JobFailed, TooMany, Unavailable
from synthlab.client.records import ENDED, SUCCEEDED, Json

OnProgress = Callable[[Json], None]
OnSent = Callable[[int, int, int], None]
"""Place of a file, bytes that have gone, bytes that it has."""

PATIENCE = 300.0
"""Seconds for which a server may be away while somebody waits for a job: it may be restarting."""


class Rest(Connection):
    """One connection to a server, and all that it offers. `Client` adds words for what is asked most."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def get(self, path: str, **params: Any) -> Json:
        """Read one resource or one page."""
        return body_of(self.request("GET", path, params=params))

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        rev: int | None = None,
        key: str | None = None,
    ) -> Json:
        """Make something, or tell it to change.

        Args:
            path: Below `/api/v1/`.
            body: What to send.
            rev: The version that is edited.
            key: The Idempotency-Key; the same key gives the same answer for 30 days. A new one when left out.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if rev is not None:
            headers["If-Match"] = f'"{rev}"'
        return body_of(self.request("POST", path, json=dict(body or {}), headers=headers))

    def upload(self, path: str, files: list[Path], fields: Mapping[str, str]) -> Json:
        """Send files under their place in the list: their names stay here, since they may name a patient."""
        opened = [file.open("rb") for file in files]
        try:
            parts = [("files", (str(place), stream)) for place, stream in enumerate(opened)]
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            # Not repeated: half of a stream is gone after the first try.
            response = self.send_once("POST", path, data=dict(fields), files=parts, headers=headers)
        finally:
            for stream in opened:
                stream.close()
        return body_of(response)

    def send_files(
        self,
        dataset: str,
        files: Sequence[Path],
        options: Mapping[str, Any],
        *,
        on_sent: OnSent | None = None,
    ) -> Json:
        """Upload to a data set file by file; a lost connection costs one file, which is sent again.

        Args:
            dataset: Its id.
            files: In the order of their places. Their names stay here, unless `options` has them.
            options: What to make of them; `names` and `groups` go along once, at the end.
            on_sent: Called with a place, the bytes of it that have gone, and the bytes that it has.

        Returns:
            The upload that is being read; its `job` can be waited for.

        Raises:
            Problem: The server refused it.
            httpx.TransportError: It could not be reached, `tries` times for one file.
        """
        sizes = [file.stat().st_size for file in files]
        plain = {name: value for name, value in options.items() if name not in ("names", "groups")}
        upload = self.post(f"datasets/{dataset}/uploads", {"sizes": sizes, "options": plain})
        path = f"datasets/{dataset}/uploads/{upload['id']}"
        for place, (file, size) in enumerate(zip(files, sizes, strict=True)):
            tell = partial(on_sent, place) if on_sent else _silence
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
            self.request(
                "PUT",
                f"{path}/files/{place}",
                headers=headers,
                # Made anew for each try: half of a stream is gone after the first.
                content=lambda file=file, size=size, tell=tell: chunks_of(
                    file, CHUNK, lambda sent: tell(sent, size)
                ),
            )
        return self.post(f"{path}/ingest", {"options": dict(options)})

    def pages(self, path: str, **params: Any) -> Iterator[Json]:
        """Every row of a list, page after page."""
        page = self.get(path, **params)
        yield from rows_of(page)
        while page["next"]:
            # Without params, even empty ones: httpx would put them in place of the cursor.
            page = body_of(self.request("GET", page["next"]))
            yield from rows_of(page)

    def wait(self, job: str, *, on_progress: OnProgress | None = None, timeout: float | None = None) -> Json:
        """Wait for a job's end.

        Args:
            job: The job's id, as the `job` member of what is being made.
            on_progress: Called with each state that differs from the last one.
            timeout: Seconds to wait; as long as it takes when left out.

        Returns:
            The job as it succeeded; what it made stands in `result`.

        Raises:
            JobFailed: It failed, was cancelled or died.
            TimeoutError: It still runs.
            Unavailable, httpx.TransportError: The server was away for `PATIENCE` seconds.
        """
        began, pause, seen = time.monotonic(), 0.2, None
        while True:
            state = self._state_of(job, None if timeout is None else began + timeout)
            if on_progress and state != seen:
                on_progress(state)
                seen = state
            if state["state"] == SUCCEEDED:
                return state
            if state["state"] in ENDED:
                raise JobFailed(state)
            if timeout is not None and time.monotonic() - began > timeout:
                raise TimeoutError(f"{state['kind']} still {state['state']} after {timeout:.0f} s")
            time.sleep(pause)
            pause = min(pause * 1.3, 2.0)

    def _state_of(self, job: str, deadline: float | None) -> Json:
        """The job's state, from a server that may be away for a while."""
        asked = time.monotonic()
        while True:
            try:
                return self.get(f"jobs/{job}")
            except (httpx.TransportError, TooMany, Unavailable):
                now = time.monotonic()
                if now - asked > PATIENCE or (deadline is not None and now > deadline):
                    raise
            time.sleep(1.0)

    def download(self, path: str, target: Path, *, digest: str | None = None) -> Path:
        """Fetch a file; an interrupted download goes on where it stopped.

        Args:
            path: Its address below `/api/v1/`.
            target: Where to put it; the half-loaded file stands beside it as `NAME.part`.
            digest: The SHA-256 it must have.

        Raises:
            WrongDigest: The file that came has another digest; it is removed.
        """
        return fetch_file(self, path, target, digest=digest)


def body_of(response: httpx.Response) -> Json:
    """The JSON object of an answer.

    Raises:
        BadAnswer: It holds none.
    """
    if response.status_code == 204 or not response.content:
        return {}
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadAnswer("the answer is no JSON object; is the address that of a SynthLab server?")
    return body


def rows_of(page: Json) -> list[Json]:
    """The rows of a page.

    Raises:
        BadAnswer: It is no page.
    """
    rows, following = page.get("results"), page.get("next", 0)
    if not isinstance(rows, list) or not (following is None or isinstance(following, str)):
        raise BadAnswer("the answer is no page of a list")
    if following and not rows:
        raise BadAnswer("the list goes on without rows")  # it would go on for ever
    return rows


def _silence(_sent: int, _size: int) -> None:
    """Nobody listens."""
