"""What a handler gets: its job, its folder, and every way to say something that is fenced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from synthlab.core import stopping
from synthlab.core.children import StopReason, run_child
from synthlab.core.exceptions import DomainError
from synthlab.core.job_lease import Lease
from synthlab.core.job_states import LeaseLost, add_up, finish, lock_parent
from synthlab.core.kill_points import kill_point
from synthlab.core.models import Job, JobState

_WRITE_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_LOG_TAIL = 16_000


class JobCancelled(Exception):
    """Somebody asked to cancel the job and it has stopped. `result` is what a child said at its end."""

    def __init__(self, result: dict[str, Any] | None = None) -> None:
        super().__init__("cancelled")
        self.result = result


class JobInterrupted(Exception):
    """The worker is stopping and the job has stopped with it; it will go on elsewhere, uncounted."""


class DeadlinePassed(DomainError):
    """The attempt took longer than its kind may take."""

    status = 500
    title = "Deadline passed"


class JobContext:
    """One attempt at one job.

    Attributes:
        job: The row as it was when claimed (`payload`, `subject_id`, `fence` …).
        work_dir: This attempt's own folder, empty at first.
        cursor: The durable progress of earlier attempts; `{}` at first.
        shards_done: Whether the job has shards and all of them have succeeded: the joining step.
    """

    def __init__(self, job: Job, lease: Lease, work_dir: Path, *, shards: int) -> None:
        self.job = job
        self.work_dir = work_dir
        self.cursor: dict[str, Any] = dict(job.cursor)
        self.shards_done = shards > 0
        self._lease = lease
        self._started = time.monotonic()
        self._pending: dict[str, Any] = {}
        self._paced: str | None = None  # the phase whose pace is being taken
        self._written = 0.0
        self._looked = 0.0
        self._cancel_seen = False
        self._log = job.log_tail

    # --- telling ---------------------------------------------------------------------------------

    def progress(self, phase: str, done: int, total: int, **facts: Any) -> None:
        """Say how far the work is. Written at most twice a second, and at every end of a phase.

        Raises:
            LeaseLost: The job is no longer ours.
        """
        total = max(int(total), 0)
        done = min(max(int(done), 0), total)
        turned = phase != self._paced
        if turned:
            self._paced = phase
            self._pending.update(paced_at=Now(), paced_done=done)
        self._pending.update(phase=phase[:60], progress_done=done, progress_total=total, heartbeat_at=Now())
        if facts:
            self._pending["facts"] = {**self._pending.get("facts", self.job.facts), **facts}
        self.job.phase = phase
        self.flush(force=turned or done == total)

    def log(self, line: str) -> None:
        """Add a line to the job's log tail. No file names, no text of people."""
        self._log = (self._log + line.rstrip("\n") + "\n")[-_LOG_TAIL:]
        self._pending["log_tail"] = self._log
        self.flush()

    def flush(self, *, force: bool = False) -> None:
        """Write what was said since the last write, unless that was a moment ago."""
        if not self._pending or (not force and time.monotonic() - self._written < _WRITE_SECONDS):
            return
        fields, self._pending = self._pending, {}
        if "facts" in fields:
            self.job.facts = fields["facts"]
        self.write(**fields)
        self._written = time.monotonic()
        if self.job.parent_id is not None and "progress_done" in fields:
            add_up(self.job.parent_id)

    def move_cursor(self, cursor: dict[str, Any]) -> None:
        """Record durable progress: a later attempt starts here, and the count of attempts begins anew.

        Raises:
            LeaseLost: The job is no longer ours.
        """
        self.write(cursor=cursor, attempt=0)
        self.cursor = dict(cursor)
        self.job.cursor = dict(cursor)
        kill_point("job.cursor_moved")

    def write(self, **fields: Any) -> None:
        """Update the job's row if it is still ours.

        Raises:
            LeaseLost: It is not.
        """
        ours = Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING, fence=self.job.fence)
        if not ours.update(**fields):
            self._lease.lost.set()
            raise LeaseLost

    @contextmanager
    def commit(self, *, finish_with: dict[str, Any] | None = None) -> Iterator[None]:
        """A transaction that only the holder of the lease can commit.

        Args:
            finish_with: End the job as succeeded with this result, in the same transaction.

        Raises:
            LeaseLost: The job is no longer ours; nothing was written.
        """
        with transaction.atomic():
            if finish_with is not None:
                lock_parent(self.job)
            # Locks the row: nobody can take the job away until this transaction has ended.
            self.write(heartbeat_at=Now())
            yield
            if finish_with is not None:
                self.flush(force=True)
                finish(self.job, JobState.SUCCEEDED, result=finish_with)
        kill_point("job.committed")

    # --- being told ------------------------------------------------------------------------------

    @property
    def should_stop(self) -> bool:
        """Whether to finish cleanly at the next good place: cancelled, worker stopping, or lease lost."""
        return self.stop_reason() is not None

    def check(self) -> None:
        """Raise what a handler that works without a child should not catch, where it has to stop."""
        reason = self.stop_reason()
        if reason is StopReason.LEASE_LOST:
            raise LeaseLost
        if reason is StopReason.DEADLINE:
            raise self.deadline_passed()
        if reason is StopReason.CANCELLED:
            raise JobCancelled
        if reason is StopReason.WORKER_STOPPING:
            raise JobInterrupted

    def stop_reason(self) -> StopReason | None:
        """Why to stop, most urgent first; asks the database at most once a second."""
        if self._lease.lost.is_set():
            return StopReason.LEASE_LOST
        if time.monotonic() - self._started > self._deadline():
            return StopReason.DEADLINE
        if self._cancelled():
            return StopReason.CANCELLED
        return StopReason.WORKER_STOPPING if stopping.is_stopping() else None

    def deadline_passed(self) -> DeadlinePassed:
        """The refusal for an attempt that took too long."""
        return DeadlinePassed(
            "deadline_passed", f"It took longer than the {self._deadline():.0f} s that it may take."
        )

    def run_child(
        self,
        module: str,
        verb: str,
        spec: dict[str, Any],
        on_event: Callable[[dict[str, Any]], None] | None = None,
        *,
        stop_grace: float | None = None,
    ) -> dict[str, Any]:
        """Run `python -m module verb SPEC` and relay what it says; see `children.run_child`."""
        return run_child(self, module, verb, spec, on_event, stop_grace=stop_grace)

    def _deadline(self) -> float:
        if self.job.deadline_seconds:
            return self.job.deadline_seconds
        queue: dict[str, Any] = settings.Q_CLUSTER
        lane = queue if self.job.lane == queue["name"] else queue["ALT_CLUSTERS"][self.job.lane]
        return float(lane["timeout"]) - 30  # end it ourselves before the library would

    def _cancelled(self) -> bool:
        if not self._cancel_seen and time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            row = (
                Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING, fence=self.job.fence)
                .values("cancel_requested_at")
                .first()
            )
            if row is None:
                self._lease.lost.set()
            else:
                self._cancel_seen = row["cancel_requested_at"] is not None
        return self._cancel_seen
