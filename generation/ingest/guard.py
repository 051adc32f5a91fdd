"""One bad file is one rejection: decoders run under a time limit, muted, with every failure given a code."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Self

from PIL import Image

from generation.ingest.limits import Limits
from generation.ingest.picture import Picture
from generation.ingest.rejection import Refusal, RejectedError


class OutOfTimeError(BaseException):
    """The processor time of one picture is used up.

    Not an `Exception`, so that no library's ``except Exception`` can swallow it.
    """


class Watch:
    """Writes down which place is being read, so that whoever finds this process dead knows what to leave out.

    Args:
        note: the file to write to; None writes nothing.
        avoid: places whose reading ended an earlier process.
    """

    def __init__(self, note: Path | None = None, avoid: frozenset[str] = frozenset()) -> None:
        self.avoid = avoid
        self._note = note
        self._file = note.open("wb", buffering=0) if note else None

    def begin(self, place: str) -> None:
        """Note a place before its first byte is decoded.

        Raises:
            RejectedError: it is one of those to avoid.
        """
        if place in self.avoid:
            raise RejectedError("crashed")
        if self._file:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(place.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Nothing is being read any more; after a failure the note stays, as after a death."""
        if self._file and self._note:
            self._file.close()
            if kind is None:
                self._note.unlink(missing_ok=True)


NO_WATCH = Watch()


def guarded(
    entries: Iterator[Picture | Refusal], place: str, limits: Limits, watch: Watch = NO_WATCH
) -> Iterator[Picture | Refusal]:
    """Hand on what a reader yields; its first failure becomes a refusal at `place` and ends it."""
    try:
        watch.begin(place)
    except RejectedError as failure:
        yield Refusal(place, failure.code, failure.detail)
        return
    while True:
        try:
            with hardened(limits):
                entry = next(entries, None)
        except (Exception, OutOfTimeError) as failure:
            yield _refusal(failure, place, limits)
            return
        if entry is None:
            return
        yield entry


def _refusal(failure: BaseException, place: str, limits: Limits) -> Refusal:
    """Translate a failure. The failure's own text is dropped: it may quote the file."""
    match failure:
        case RejectedError():
            return Refusal(place, failure.code, failure.detail)
        case OutOfTimeError():
            return Refusal.of(place, "too_slow", limit=limits.seconds_per_picture)
        case Image.DecompressionBombWarning() | Image.DecompressionBombError():
            return Refusal.of(place, "too_many_pixels", limit=limits.pixels)
        case MemoryError():
            return Refusal.of(place, "out_of_memory")
        case RecursionError():
            return Refusal.of(place, "dicom_too_deep", limit=limits.dicom_depth)
        case FileNotFoundError():
            return Refusal.of(place, "missing")
        case _:
            return Refusal.of(place, "damaged")


@contextlib.contextmanager
def hardened(limits: Limits) -> Iterator[None]:
    """Run untrusted decoding: own pixel cap, bomb warnings as errors, silence, a processor time limit."""
    cap, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, limits.pixels
    try:
        with warnings.catch_warnings(), _muted(), _timed(limits.seconds_per_picture):
            # Warnings of decoders quote what they read.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = cap


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Send file descriptor 2 nowhere: libtiff and others print parts of what they read there."""
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


@contextlib.contextmanager
def _timed(seconds: float) -> Iterator[None]:
    """Raise `OutOfTimeError` after so much processor time. Nests: the outer clock goes on afterwards.

    Python hears of it between two of its own instructions only. A decoder in C that never comes back is ended by a
    second clock, together with the process; `Watch` tells which file that was.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only; the process limit still holds
        return

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError

    handler = signal.signal(signal.SIGPROF, expire)
    left, _ = signal.setitimer(signal.ITIMER_PROF, seconds)
    last, _ = signal.setitimer(signal.ITIMER_VIRTUAL, seconds * 1.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, last)
        signal.setitimer(signal.ITIMER_PROF, left)
        signal.signal(signal.SIGPROF, handler)
