"""What a job on the server makes: how it stands, and waiting for its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Protocol, Self, TypeVar

from synthlab.client.problems import NotFinished
from synthlab.client.progress import Bar
from synthlab.client.records import SUCCEEDED, Json
from synthlab.client.rest import Rest


class Record(Protocol):
    """What is waited for, as the server tells it."""

    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def job(self) -> str | None: ...


R = TypeVar("R", bound=Record)


class Awaited(ABC, Generic[R]):
    """A thing on the server that a job makes.

    Attributes:
        record: What the server told last.
    """

    noun: ClassVar[str]
    label: ClassVar[str]  # of the line that shows its progress

    def __init__(self, rest: Rest, record: R) -> None:
        self._rest, self.record = rest, record

    @property
    def id(self) -> str:
        """By which it is found again, in another process or on another day."""
        return self.record.id

    @property
    def state(self) -> str:
        """queued, running, succeeded, failed or cancelled, as the server told last."""
        return self.record.state

    @abstractmethod
    def refresh(self) -> Self:
        """Ask the server how it stands."""

    @abstractmethod
    def _phase(self, job: Json) -> str:
        """What the line of progress says of the job's phase."""

    def wait(self, *, progress: bool | None = None, timeout: float | None = None) -> Self:
        """Wait until it is whole. Going away meanwhile, or the server's, loses nothing: wait again.

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
            raise NotFinished(f"{self.noun} {self.id} is {self.record.state}, and nobody works on it")
        bar = Bar(self.label, show=progress)
        try:
            self._rest.wait(self.record.job, on_progress=lambda job: self._tell(bar, job), timeout=timeout)
        finally:
            bar.close()
        return self.refresh()

    def _tell(self, bar: Bar, job: Json) -> None:
        done, total = job.get("progress_done") or 0, job.get("progress_total") or 0
        bar.tell(done, total, phase=self._phase(job), eta=job.get("eta_seconds"))
