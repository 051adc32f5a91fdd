"""The worker's side of the process seam: start a child, relay what it says, and see to it that it ends.

The child's side is `generation.child`. The child holds no secret and no database: it gets a spec and a folder.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings

from synthlab.core.exceptions import InvalidInput
from synthlab.core.files import inside
from synthlab.core.numerics import NUMERICS

if TYPE_CHECKING:
    from synthlab.core.job_context import JobContext

Event = dict[str, Any]

STATUS_BAD_INPUT = 3
_TICK_SECONDS = 0.2
_LONGEST_LINE = 16 * 1024 * 1024
_SECRET_WORDS = ("SECRET", "TOKEN", "PASSWORD", "DATABASE_URL", "CREDENTIAL")


class StopReason(enum.Enum):
    """Why a running job has to stop."""

    LEASE_LOST = "lease_lost"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    WORKER_STOPPING = "worker_stopping"

    @property
    def at_once(self) -> bool:
        """Whether there is no point in waiting for a checkpoint."""
        return self in (StopReason.LEASE_LOST, StopReason.DEADLINE)


class ChildCrashed(Exception):
    """The child ended without an answer: killed, out of memory, or by a bug.

    Args:
        words: What is known about it.
        status: Its exit status, negative for a signal; None where it sent something that is no answer.
    """

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


def run_child(
    context: JobContext,
    module: str,
    verb: str,
    spec: Event,
    on_event: Callable[[Event], None] | None = None,
    *,
    stop_grace: float | None = None,
) -> Event:
    """Run `python -m module verb SPEC.json` and return its result.

    Progress and cursor events go to the job by themselves; every event is also handed to `on_event`.

    Args:
        context: The running job. Its work folder becomes `spec["work"]`.
        module: The package whose `__main__` knows the verb.
        verb: What it shall do.
        spec: JSON; paths absolute.
        on_event: Called in the worker's main thread with every event.
        stop_grace: Seconds from the line `stop` to SIGKILL; `SYNTHLAB_STOP_GRACE_SECONDS` by default.

    Raises:
        InvalidInput: The child said why the work cannot be done.
        JobCancelled, JobInterrupted: It was stopped.
        DeadlinePassed: It took too long and was killed.
        LeaseLost: The job is no longer ours; the child was killed.
        ChildCrashed: It ended without an answer.
    """
    spec_path = _write_spec(context.work_dir, verb, spec)
    grace = settings.JOB_STOP_GRACE_SECONDS if stop_grace is None else stop_grace
    child = _Child([sys.executable, "-m", module, verb, str(spec_path)], context, on_event, grace)
    return child.run()


class _Child:
    def __init__(
        self,
        argv: list[str],
        context: JobContext,
        on_event: Callable[[Event], None] | None,
        grace: float,
    ) -> None:
        self._context = context
        self._on_event = on_event
        self._grace = grace
        self._stopped_for: StopReason | None = None
        self._kill_at = float("inf")
        self._killed = False
        self._result: Event | None = None
        self._error: Event | None = None
        # A session of its own: Ctrl+C in the terminal reaches us, and we tell the child.
        self._process = subprocess.Popen(
            argv,
            cwd=settings.ROOT,
            env=_child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self) -> Event:
        try:
            for event in self._events():
                self._handle(event)
            status = self._process.wait()
        finally:
            self._kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                _close(_held(pipe))
        self._context.flush(force=True)
        return self._answer(status)

    def _events(self) -> Iterator[Event]:
        """Yield events until both pipes are closed, looking after stop and kill in between."""
        with selectors.DefaultSelector() as selector:
            lines = {"out": b"", "err": b""}
            selector.register(_held(self._process.stdout), selectors.EVENT_READ, "out")
            selector.register(_held(self._process.stderr), selectors.EVENT_READ, "err")
            while selector.get_map():
                for key, _ in selector.select(_TICK_SECONDS):
                    chunk = os.read(key.fd, 65536)
                    *complete, lines[key.data] = (lines[key.data] + chunk).split(b"\n")
                    if not chunk:
                        selector.unregister(key.fileobj)
                    if len(lines[key.data]) > _LONGEST_LINE:
                        raise ChildCrashed("It sent a line without an end.")
                    yield from self._sort(key.data, complete)
                self._look_after()

    def _sort(self, pipe: str, lines: list[bytes]) -> Iterator[Event]:
        for line in filter(None, (line.strip() for line in lines)):
            if pipe == "err":
                self._context.log(line.decode(errors="replace")[:2000])
                continue
            try:
                event = json.loads(line)
            except ValueError:
                raise ChildCrashed("It sent something that is not JSON.") from None
            if not isinstance(event, dict) or not isinstance(event.get("type"), str):
                raise ChildCrashed("It sent something that is not an event.")
            yield event

    def _handle(self, event: Event) -> None:
        kind = event["type"]
        if kind == "progress":
            self._context.progress(event["phase"], event["done"], event["total"], **event.get("facts", {}))
        elif kind == "result":
            self._result = {name: value for name, value in event.items() if name != "type"}
        elif kind == "error":
            self._error = event
        if self._on_event is not None:
            self._on_event(event)
        if kind == "cursor":  # after `on_event`, which may have to keep what the cursor names
            self._context.move_cursor(event["cursor"])

    def _look_after(self) -> None:
        self._context.flush()
        if self._killed:
            return
        reason = self._context.stop_reason()
        if reason is not None and reason.at_once:
            self._stopped_for = reason
            self._kill()
        elif reason is not None and self._stopped_for is None:
            self._stopped_for = reason
            self._kill_at = time.monotonic() + self._grace
            self._say_stop()
        elif time.monotonic() > self._kill_at:
            self._kill()

    def _say_stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has just ended
            _held(self._process.stdin).write(b"stop\n")
            _held(self._process.stdin).flush()

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _answer(self, status: int) -> Event:
        from synthlab.core.job_context import JobCancelled, JobInterrupted
        from synthlab.core.job_states import LeaseLost

        reason, result = self._stopped_for, self._result
        if reason is StopReason.LEASE_LOST:
            raise LeaseLost
        if reason is StopReason.DEADLINE:
            raise self._context.deadline_passed()
        finished = status == 0 and result is not None
        if finished and result is not None and not (reason and result.get("stopped")):
            return result
        if status == STATUS_BAD_INPUT and self._error is not None:
            raise InvalidInput(str(self._error["code"]), str(self._error["detail"]))
        if reason is not None and (finished or self._killed):
            raise JobCancelled(result) if reason is StopReason.CANCELLED else JobInterrupted
        raise ChildCrashed(_describe(status), status)


def _write_spec(work_dir: Path, verb: str, spec: Event) -> Path:
    path = inside(work_dir, f"{verb}.spec.json")
    path.write_text(json.dumps({**spec, "work": str(work_dir)}), encoding="utf-8")
    return path


def _child_environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }
    return {**NUMERICS, **kept, "PYTHONFAULTHANDLER": "1"}


def _describe(status: int) -> str:
    if status >= 0:
        return f"Its process ended with status {status} and without an answer."
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = " (perhaps the machine ran out of memory)" if name == "SIGKILL" else ""
    return f"Its process was ended by {name}{hint}."


def _held(pipe: IO[bytes] | None) -> IO[bytes]:
    """One of the three pipes, which are always asked for."""
    if pipe is None:
        raise RuntimeError("the child was started without its pipes")
    return pipe


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
