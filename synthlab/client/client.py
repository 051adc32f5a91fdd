"""A thin, typed door to `/api/v1/`: tokens, repetition, long work, pages and verified downloads."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from synthlab.client.local import chunks_of
from synthlab.client.problems import JobFailed, Problem

Json = dict[str, Any]
OnProgress = Callable[[Json], None]
OnSent = Callable[[int, int, int], None]
"""Place of a file, bytes that have gone, bytes that it has."""

# The server is starting, busy, or told us to come back.
PASSING = frozenset({429, 502, 503, 504})
ENDED = frozenset({"succeeded", "failed", "cancelled", "dead"})
CHUNK = 1024 * 1024


class Client:
    """One connection to a SynthLab server.

    Args:
        url: The server's address, such as `http://127.0.0.1:8000`.
        token: An API token, made on the profile page or at `tokens`.
        tries: How often a request that may be repeated is tried before its failure is raised.
        timeout: Seconds to wait for an answer.
        transport: For tests.

    Every creating POST carries an Idempotency-Key, so that repeating it after a lost answer makes nothing twice.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        tries: int = 5,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._tries = tries
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    # --- requests --------------------------------------------------------------------------------

    def get(self, path: str, **params: Any) -> Json:
        """Read one resource or one page."""
        return _body(self.request("GET", path, params=params))

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, rev: int | None = None) -> Json:
        """Make something, or tell it to change; `rev` is the version that is edited."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        if rev is not None:
            headers["If-Match"] = f'"{rev}"'
        return _body(self.request("POST", path, json=dict(body or {}), headers=headers))

    def upload(self, path: str, files: list[Path], fields: Mapping[str, str]) -> Json:
        """Send files under their place in the list: their names stay here, since they may name a patient."""
        opened = [file.open("rb") for file in files]
        try:
            parts = [("files", (str(place), stream)) for place, stream in enumerate(opened)]
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            # Not repeated: half of a stream is gone after the first try.
            response = self._http.post(path, data=dict(fields), files=parts, headers=headers)
        finally:
            for stream in opened:
                stream.close()
        return _body(_checked(response))

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
        yield from page["results"]
        while page["next"]:
            # Without params, even empty ones: httpx would put them in place of the cursor.
            page = _body(self.request("GET", page["next"]))
            yield from page["results"]

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; repeat it while the server is away or busy.

        Args:
            method: Of HTTP.
            path: Below `/api/v1/`.
            options: As httpx takes them; `content` may be a function that makes the body for each try.

        Raises:
            Problem: The server refused it.
            httpx.TransportError: It could not be reached, `tries` times.
        """
        for attempt in range(1, self._tries + 1):
            try:
                content = options.get("content")
                fresh = {"content": content()} if callable(content) else {}
                response = self._http.request(method, path, **{**options, **fresh})
            except httpx.TransportError:
                if attempt == self._tries:
                    raise
                time.sleep(min(2.0**attempt * 0.2, 5.0))
                continue
            if response.status_code not in PASSING or attempt == self._tries:
                return _checked(response)
            time.sleep(min(float(response.headers.get("Retry-After", 1)), 30.0))
        raise AssertionError("unreachable: the last try returns or raises")

    # --- long work -------------------------------------------------------------------------------

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
        """
        began, pause, seen = time.monotonic(), 0.2, None
        while True:
            state = self.get(f"jobs/{job}")
            if on_progress and state != seen:
                on_progress(state)
                seen = state
            if state["state"] == "succeeded":
                return state
            if state["state"] in ENDED:
                raise JobFailed(state)
            if timeout is not None and time.monotonic() - began > timeout:
                raise TimeoutError(f"{state['kind']} still {state['state']} after {timeout:.0f} s")
            time.sleep(pause)
            pause = min(pause * 1.3, 2.0)

    # --- files -----------------------------------------------------------------------------------

    def download(self, path: str, target: Path, *, digest: str | None = None) -> Path:
        """Fetch a file; an interrupted download goes on where it stopped.

        Args:
            path: Its address below `/api/v1/`.
            target: Where to put it; the half-loaded file stands beside it as `NAME.part`.
            digest: The SHA-256 it must have.

        Raises:
            ValueError: The file that came has another digest; it is removed.
        """
        part = target.with_name(f"{target.name}.part")
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._http.stream("GET", path, headers=headers) as response:
            if response.status_code not in (200, 206):
                response.read()
                raise Problem.of(response)
            with part.open("ab" if response.status_code == 206 else "wb") as file:
                for chunk in response.iter_bytes(CHUNK):
                    file.write(chunk)
        if digest and _digest_of(part) != digest:
            part.unlink()
            raise ValueError(
                f"{path}: the file that came is not the one that was promised; download it again"
            )
        return part.replace(target)


def _silence(_sent: int, _size: int) -> None:
    """Nobody listens."""


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise Problem.of(response)
    return response


def _body(response: httpx.Response) -> Json:
    if response.status_code == 204 or not response.content:
        return {}
    body: Json = response.json()
    return body


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
