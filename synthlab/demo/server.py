"""A running installation for demo and smoke: `synthlab up` as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from synthlab.core.starting import RunningInstallation, read_announcement

START_SECONDS = 120
STOP_SECONDS = 60


class NotStarted(Exception):
    """`synthlab up` ended or stayed silent; the end of its log says why."""


class Server:
    """`synthlab up` in one home.

    Args:
        home: SYNTHLAB_HOME.
        options: For `synthlab up`.
        environment: Added to ours.
    """

    def __init__(
        self, home: Path, *, options: Sequence[str] = (), environment: dict[str, str] | None = None
    ) -> None:
        self._home = home
        self._options = options
        self._environment = environment or {}
        self.log_path = home / "logs" / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RunningInstallation:
        """Start it and wait until its pages answer.

        Raises:
            NotStarted: It did not come up.
        """
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "synthlab", "up", *self._options],
                env={**os.environ, "SYNTHLAB_HOME": str(self._home), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl+C is ours to handle: we end the server when we are done with it.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            facts = read_announcement(self._home)
            if facts and facts.pid == self._process.pid:
                return facts
            if self._process.poll() is not None:
                raise NotStarted(self._last_words())
            time.sleep(0.1)
        self.stop()
        raise NotStarted(self._last_words())

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Stop it and everything it started; returns its exit status."""
        if self._process is None:
            return 0
        if self.is_running:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Its parts die with it (PR_SET_PDEATHSIG).
            self._process.kill()
            return self._process.wait()

    def _last_words(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])
