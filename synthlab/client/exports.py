"""An export from here: wait for the archive, download it, go on where a download broke off."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Self

from synthlab.client.awaited import Awaited
from synthlab.client.fetching import fetch_file
from synthlab.client.problems import NotFinished
from synthlab.client.progress import Bar
from synthlab.client.records import SUCCEEDED, ExportRecord, Json


class Export(Awaited[ExportRecord]):
    """One archive of a signed snapshot. `Client.export`, `Client.exports` and `Client.export_of` make these."""

    noun = "export"
    label = "writing"

    def __repr__(self) -> str:
        return f"<Export {self.id}: {self.record.format}, {self.record.state}>"

    def refresh(self) -> Self:
        """Ask the server how it stands."""
        self.record = ExportRecord.from_json(self._rest.get(f"exports/{self.id}"))
        return self

    def _phase(self, job: Json) -> str:
        return str(job.get("phase") or job["state"])

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
