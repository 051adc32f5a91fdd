"""One line on a terminal that rewrites itself; silence where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_REWRITE_SECONDS = 0.1
_WIDTH = 24
_CLEAR = "\r\x1b[2K"


class Bar:
    """Tells of long work on stderr.

    Args:
        label: What is being done.
        show: True or False; None for: if stderr is a terminal.
        stream: Where to; stderr, as it is now, when left out.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        label: str,
        *,
        show: bool | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label, self._clock = _plain(label), clock
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty() if show is None else show
        self._began, self._last, self._is_open = clock(), -1.0, False

    def tell(self, done: int, total: int, *, phase: str = "", eta: float | None = None) -> None:
        """Say how far it is.

        Args:
            done: Parts that are done.
            total: Parts in all; 0 if nobody knows yet.
            phase: What is being done now.
            eta: Seconds to the end.
        """
        now = self._clock()
        if not self._shown or (done < total and now - self._last < _REWRITE_SECONDS):
            return
        self._last, self._is_open = now, True
        self._write(f"{_CLEAR}{self._line(done, total, phase, eta)}")

    def pace(self, done: int, total: int) -> None:
        """The same for work whose end is told by its pace so far."""
        left = (self._clock() - self._began) / done * (total - done) if done else None
        self.tell(done, total, eta=left)

    def close(self) -> None:
        """Leave the line as it is and go to the next."""
        if self._is_open:
            self._write("\n")
            self._is_open = False

    def _line(self, done: int, total: int, phase: str, eta: float | None) -> str:
        parts = [self._label]
        if total:
            full = _WIDTH * min(done, total) // total
            parts.append(f"[{'#' * full}{'.' * (_WIDTH - full)}] {done:,} of {total:,}")
        if phase:
            parts.append(_plain(phase))
        if eta is not None and done < total:
            parts.append(f"{in_words(eta)} left")
        return "  ".join(parts)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def in_words(seconds: float) -> str:
    """A length of time as people say it."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _plain(text: str) -> str:
    """The text without what a terminal would obey: it comes from elsewhere."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
