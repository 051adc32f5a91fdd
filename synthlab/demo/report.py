"""What demo and smoke print while they work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Narrator:
    """Prints steps with their seconds, and the progress of jobs on one line that rewrites itself."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = 0.0
        self._is_open = False

    @contextmanager
    def step(self, name: str, words: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        """One step; yields what to call with each state of its job."""
        self._began = time.monotonic()
        self._line(f"· {words} …", end="")
        try:
            yield lambda job: self._progress(words, job)
        except BaseException:
            self._line(f"✗ {words}\n", end="")
            raise
        self.seconds[name] = round(time.monotonic() - self._began, 2)
        self._line(f"✓ {words} ({self.seconds[name]:.0f} s)\n", end="")

    def say(self, text: str = "") -> None:
        """Print a line of its own."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def _progress(self, words: str, job: dict[str, Any]) -> None:
        if not sys.stdout.isatty():
            return
        total, done = job["progress_total"], job["progress_done"]
        share = f" {done} of {total}" if total else ""
        eta = f", about {job['eta_seconds']} s left" if job.get("eta_seconds") else ""
        self._line(f"· {words}: {job['phase'] or job['state']}{share}{eta}", end="")

    def _line(self, text: str, *, end: str) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\x1b[2K{text}{end}")
        elif text.endswith("\n"):
            sys.stdout.write(text)
        sys.stdout.flush()
