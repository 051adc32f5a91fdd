"""Keeps the parts of one machine running: starts, restarts, relays their logs, sweeps, stops. One thread, one loop."""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, connection

from synthlab.core.job_sweep import quiet_lanes
from synthlab.core.jobs import sweep_jobs
from synthlab.core.parts import Part
from synthlab.logs import get_logger

log = get_logger(__name__)

_TICK_SECONDS = 0.5
_COLOURS = {"web": 36, "short": 32, "long": 33, "model": 35, "up": 1}


class Supervisor:
    """Runs parts until a signal comes, then ends all of them.

    Args:
        parts: In the order in which they are started; stopped in the same order.
        on_tick: Called about twice a second while running, with the loop's supervisor.
        stop_seconds: How long all may take to stop before they are killed.
    """

    def __init__(self, parts: Sequence[Part], *, on_tick: Callable[[], None], stop_seconds: float) -> None:
        self._parts = parts
        self._on_tick = on_tick
        self._stop_seconds = stop_seconds
        self._selector = selectors.DefaultSelector()
        self._unfinished: dict[int, bytes] = {}
        self._signals = 0
        self._last_sweep = time.monotonic()

    def run(self) -> int:
        """Run until told to stop. Returns the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            for part in self._parts:
                self._start(part)
            while not self._signals:
                self._relay()
                self._restart()
                self._sweep()
                self._on_tick()
        finally:
            self._stop()
        return 0

    def say(self, line: str, name: str = "up") -> None:
        """Print one line under a part's name."""
        label = f"{name:<5}"
        if sys.stdout.isatty():
            label = f"\x1b[{_COLOURS.get(name, 0)}m{label}\x1b[0m"
        sys.stdout.write(f"{label} | {line}\n")
        sys.stdout.flush()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _start(self, part: Part) -> None:
        part.start()
        self._selector.register(part.output, selectors.EVENT_READ, part)

    def _relay(self) -> None:
        for key, _ in self._selector.select(_TICK_SECONDS):
            self._read(key.fd, key.data)

    def _read(self, descriptor: int, part: Part) -> None:
        chunk = os.read(descriptor, 65536)
        *lines, rest = (self._unfinished.pop(descriptor, b"") + chunk).split(b"\n")
        for line in lines if chunk else filter(None, [rest]):
            self.say(line.decode(errors="replace"), part.plan.name)
        if chunk:
            self._unfinished[descriptor] = rest[-65536:]
        else:
            self._selector.unregister(descriptor)

    def _forget(self, part: Part) -> None:
        """Read what is left of an ended part's log, without waiting for whoever inherited its pipe."""
        for key in [key for key in self._selector.get_map().values() if key.data is part]:
            os.set_blocking(key.fd, False)
            try:
                while key.fd in self._selector.get_map():
                    self._read(key.fd, part)
            except BlockingIOError:
                self._selector.unregister(key.fd)

    def _restart(self) -> None:
        for part in self._parts:
            if part.process is not None and not part.is_running:
                status = part.process.returncode
                self._forget(part)
                self.say(
                    f"{part.plan.name} ended (status {status}); starting again in {part.note_end():.0f} s"
                )
            elif part.is_due:
                self._start(part)

    def _sweep(self) -> None:
        if time.monotonic() - self._last_sweep < settings.JOB_SWEEP_SECONDS:
            return
        self._last_sweep = time.monotonic()
        patience = 2 * settings.JOB_LEASE_SECONDS
        try:
            sweep_jobs()
            quiet = quiet_lanes(patience)
        except DatabaseError as error:
            log.warning("sweep_failed", error=str(error)[:200])
            return
        finally:
            connection.close()
        for part in self._parts:
            # A worker killed while idle can leave the library's queue locked for ever.
            if part.plan.name in quiet and part.is_running and part.uptime > patience:
                self.say(f"jobs wait and {part.plan.name} takes none: starting it anew")
                part.kill()

    def _stop(self) -> None:
        """Ask every part once, wait, then kill what is left. A second signal ends the waiting."""
        self.say("stopping")
        asked = self._signals
        for part in self._parts:
            part.ask_to_stop()
        end = time.monotonic() + self._stop_seconds
        while any(part.is_running for part in self._parts):
            if time.monotonic() > end or self._signals > max(asked, 1):
                break
            self._relay_while_stopping()
        for part in self._parts:
            if part.is_running:
                self.say(f"{part.plan.name} did not stop in time and is ended")
            part.kill()
        self.say("stopped")

    def _relay_while_stopping(self) -> None:
        for key, _ in self._selector.select(0.1):
            self._read(key.fd, key.data)
        if not self._selector.get_map():
            time.sleep(0.1)
