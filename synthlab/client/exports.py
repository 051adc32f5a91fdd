"""An export from here: wait for the archive, download it, go on where a download broke off."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Self

from synthlab.client.fetching import fetch_file
from synthlab.client.problems import NotFinished
from synthlab.client.progress import Bar
from synthlab.client.records import SUCCEEDED, ExportRecord
from synthlab.client.rest import Rest


class Export:
    """One archive of a signed snapshot. `Client.export` and `Client.exports` make these.

    Attributes:
        record: What the server told last.
    """

    def __init__(self, rest: Rest, record: ExportRecord) -> None:
        self._rest, self.record = rest, record

    def __repr__(self) -> str:
        return f"<Export {self.id}: {self.record.format}, {self.record.state}>"

    @property
    def id(self) -> str:
        """By which `Client.export_of` finds it again."""
        return self.record.id

    @property
    def state(self) -> str:
        """queued, running, succeeded, failed or cancelled, as the server told last."""
        return self.record.state

    def refresh(self) -> Self:
        """Ask the server how it stands."""
        self.record = ExportRecord.from_json(self._rest.get(f"exports/{self.id}"))
        return self

    def wait(self, *, progress: bool | None = None, timeout: float | None = None) -> Self:
        """Wait until the archive is written.

        Args:
            progress: Whether to show a line on stderr; None: if that is a terminal.
            timeout: Seconds to wait; as long as it takes when left out.

        Raises:
            JobFailed: It failed or was cancelled.
            TimeoutError: It still runs.
            Unavailable, httpx.TransportError: The server is away, for minutes.
        """
        if self.record.state == SUCCEEDED:
            return self
        if self.record.job is None:
            raise NotFinished(f"export {self.id} is {self.record.state}, and nobody works on it")
        bar = Bar("writing", show=progress)
        try:
            self._rest.wait(
                self.record.job,
                on_progress=lambda job: bar.tell(
                    job.get("progress_done") or 0,
                    job.get("progress_total") or 0,
                    phase=job.get("phase") or job["state"],
                    eta=job.get("eta_seconds"),
                ),
                timeout=timeout,
            )
        finally:
            bar.close()
        return self.refresh()

    def download(self, target: str | PurePath, *, progress: bool | None = None) -> Path:
        """Fetch the archive, check it by its digest, and only then give it its name.

        Args:
            target: The file to make; in a folder, the archive gets a name of its own. What an earlier, broken download
                left beside it is gone on with.
            progress: Whether to show a line on stderr; None: if that is a terminal.

        Returns:
            The file.

        Raises:
            NotFinished: The archive is not written.
            WrongDigest: The file that came is not the promised one.
            Problem, httpx.TransportError: Refused, or out of reach. Call it again to go on.
        """
        if self.refresh().state != SUCCEEDED:
            raise NotFinished(f"export {self.id} is {self.state}; wait() for it first")
        path = Path(target)
        if path.is_dir():
            path = path / f"synthlab-{self.record.format}-{self.record.digest[:12]}.zip"
        bar = Bar("downloading", show=progress)
        try:
            return fetch_file(
                self._rest,
                f"exports/{self.id}/file",
                path,
                digest=self.record.digest,
                on_bytes=lambda done, total: bar.pace(done, total),
            )
        finally:
            bar.close()
