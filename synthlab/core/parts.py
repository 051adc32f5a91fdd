"""The processes that `synthlab up` runs, and how each is started and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthlab.core.numerics import NUMERICS
from synthlab.core.parents import die_with_parent

_BACK_OFF_SECONDS = (1, 2, 4, 8, 15, 30)
_SETTLED_SECONDS = 60


@dataclass(frozen=True)
class Plan:
    """One process: what to run, and how it wants to be told to stop.

    Attributes:
        name: Stands before each of its log lines.
        argv: The command.
        environment: Added to ours.
        stop_line: Whether it stops at the line `stop` on its stdin rather than at SIGTERM.
        sockets: Open sockets that it inherits.
    """

    name: str
    argv: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    stop_line: bool = False
    sockets: tuple[socket.socket, ...] = ()


class Part:
    """A running process of one plan, started again with growing pauses when it ends by itself."""

    def __init__(self, plan: Plan, cwd: Path) -> None:
        self.plan = plan
        self._cwd = cwd
        self.process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._started_at = 0.0
        self._next_start = 0.0

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def uptime(self) -> float:
        """Seconds since its present process began."""
        return time.monotonic() - self._started_at

    def start(self) -> None:
        """Start the process in a session of its own: signals go to whom we choose, not to the whole group."""
        self.process = subprocess.Popen(
            list(self.plan.argv),
            cwd=self._cwd,
            env={**os.environ, **self.plan.environment},
            stdin=subprocess.PIPE if self.plan.stop_line else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if self.plan.stop_line else subprocess.PIPE,
            stderr=subprocess.PIPE if self.plan.stop_line else subprocess.STDOUT,
            pass_fds=[one.fileno() for one in self.plan.sockets],
            start_new_session=True,
            # Safe: the supervisor has one thread. However it ends, what it started ends too.
            preexec_fn=die_with_parent,
        )
        self._started_at = time.monotonic()

    @property
    def output(self) -> int:
        """The file descriptor on which its log lines come."""
        process = self._require()
        pipe = process.stderr if self.plan.stop_line else process.stdout
        if pipe is None:
            raise RuntimeError("the part was started without its pipes")
        return pipe.fileno()

    def note_end(self) -> float:
        """Plan the next start after the process ended by itself; returns the pause in seconds."""
        if self.uptime > _SETTLED_SECONDS:
            self._failures = 0
        pause = float(_BACK_OFF_SECONDS[min(self._failures, len(_BACK_OFF_SECONDS) - 1)])
        self._failures += 1
        self._next_start = time.monotonic() + pause
        self.kill()
        self.process = None
        return pause

    @property
    def is_due(self) -> bool:
        """Whether it is time to start it again."""
        return self.process is None and time.monotonic() >= self._next_start

    def ask_to_stop(self) -> None:
        """Tell the master only: the queue's master hangs when its whole group is told."""
        if not self.is_running:
            return
        process = self._require()
        if self.plan.stop_line and process.stdin is not None:
            try:
                process.stdin.write(b"stop\n")
                process.stdin.close()
            except BrokenPipeError:
                return
        else:
            process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and its whole group now, and take its status."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _require(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise RuntimeError(f"{self.plan.name} is not running")
        return self.process


def web_plan(listener: socket.socket, environment: dict[str, str]) -> Plan:
    """Gunicorn on a socket that we hold, so that a restart refuses no connection."""
    command = [sys.executable, "-m", "gunicorn", "-c", "python:synthlab.core.web_server"]
    return Plan("web", [*command, "--bind", f"fd://{listener.fileno()}"], environment, sockets=(listener,))


def worker_plan(lane: str, environment: dict[str, str]) -> Plan:
    """The cluster of one lane."""
    command = [sys.executable, "-m", "synthlab", "run-worker", "--lane", lane]
    return Plan(f"{lane}", command, {**environment, "Q_CLUSTER_NAME": lane})


def model_plan(spec: Path, secret: str, environment: dict[str, str]) -> Plan:
    """The model service; it loads torch, so it is a process of its own and knows no Django."""
    command = [sys.executable, "-m", "generation.ml", "serve", str(spec)]
    environment = {**NUMERICS, **environment, "SYNTHLAB_MODEL_SERVICE_SECRET": secret}
    return Plan("model", command, environment, stop_line=True)
