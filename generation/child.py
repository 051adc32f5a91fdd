"""The child side of the process seam: spec in, JSON lines out, never outliving its parent.

Heavy work (ingest, training, sampling, evaluation) runs in a process of its own, started as
``python -m PACKAGE VERB SPEC.json``. A package's ``__main__`` hands its verbs to `child_main`; each verb is a
plain function that takes the spec and a `Reporter` and returns a JSON-ready result.

stdin is a pipe that the parent holds: the line ``stop`` asks for a clean finish, end of file means that the parent
is gone. stdout carries one JSON object a line; everything else (prints, warnings, C libraries) goes to stderr.
Started by hand, with a terminal or ``/dev/null`` as stdin, nobody is watched and the verb simply runs.

This module is pure standard library and knows nothing of its callers.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import math
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

STATUS_BAD_INPUT = 3
STATUS_USAGE = 2
# What a shell reports for a process that SIGHUP ended: the other end went away.
STATUS_ABANDONED = 129

DISK_FULL = "The disk is full. What was complete is kept; make room, then queue the job again."

_PR_SET_PDEATHSIG = 1


class BadInput(Exception):
    """The request cannot be carried out as it stands; trying again changes nothing.

    Args:
        code: stable, snake_case, for programs.
        detail: one sentence for the person who asked: what is wrong and what to do.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def required(spec: Mapping[str, Any], name: str) -> Any:
    """A field of a spec.

    Raises:
        BadInput: ``bad_spec``: it is not there.
    """
    if name not in spec:
        raise BadInput("bad_spec", f"the job's description lacks {name!r}")
    return spec[name]


class Reporter:
    """Sends typed messages to the parent, one JSON object a line; safe to use from several threads.

    Args:
        send: receives each finished line (newline included). `child_main` passes one that writes to the
            pipe; a test or a script may pass ``print`` or ``lines.append``.
        stop: set when the parent asked for a clean finish.
    """

    def __init__(self, send: Callable[[str], object], stop: threading.Event | None = None) -> None:
        self._send = send
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()

    @property
    def should_stop(self) -> bool:
        """Whether to finish cleanly at the next good place (pause or cancel)."""
        return self._stop.is_set()

    def wait_for_stop(self) -> None:
        """Block until the parent asks for a clean finish; for verbs that serve rather than work."""
        self._stop.wait()

    def progress(self, phase: str, done: int, total: int, **facts: Any) -> None:
        """Say how far the work is; `facts` are shown beside it."""
        self._line("progress", phase=phase, done=int(done), total=int(total), facts=facts)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Add points to the curves. Values that are not finite are left out: JSON has no word for them."""
        finite = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        self._line("metric", step=int(step), values=finite)

    def cursor(self, cursor: Mapping[str, Any]) -> None:
        """Declare durable progress: what it names is complete on disk and a later attempt may start from it."""
        self._line("cursor", cursor=dict(cursor))

    def artifact(self, kind: str, path: str | Path, step: int | None = None) -> None:
        """Offer a finished file or folder inside the work folder."""
        self._line("artifact", kind=kind, path=str(path), step=step)

    def warning(self, code: str, detail: str) -> None:
        """Tell the person who asked something they should know; the work goes on."""
        self._line("warning", code=code, detail=detail)

    def error(self, code: str, detail: str) -> None:
        """State why the work cannot be done. Verbs raise `BadInput` instead; `child_main` calls this."""
        self._line("error", code=code, detail=detail)

    def result(self, result: Mapping[str, Any]) -> None:
        """Send the verb's answer, last. Verbs return it instead; `child_main` calls this."""
        self._line("result", **dict(result))

    def _line(self, kind: str, /, **body: Any) -> None:
        line = json.dumps({"type": kind, **body}, allow_nan=False, ensure_ascii=False) + "\n"
        with self._lock:  # a line must never be cut in two by another thread's line
            self._send(line)


Handler = Callable[[dict[str, Any], Reporter], dict[str, Any]]


def child_main(handlers: Mapping[str, Handler], argv: Sequence[str] | None = None) -> NoReturn:
    """Run one verb as a child process and exit.

    Args:
        handlers: verb → function of (spec, reporter) that returns the JSON-ready result.
        argv: ``[VERB, SPEC.json]``; the process's own arguments by default.

    Exit status: 0 with a ``result`` line; 3 with an ``error`` line (`BadInput`); 2 for wrong usage; 1 for a crash,
    whose traceback stands on stderr; 129 when the parent went away.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if len(arguments) != 2 or arguments[0] not in handlers:
        sys.stderr.write(f"usage: python -m PACKAGE {{{','.join(handlers)}}} SPEC.json\n")
        sys.exit(STATUS_USAGE)
    verb, spec_path = arguments
    stop = watch_parent()
    reporter = Reporter(_claim_stdout(), stop)
    sys.exit(_run(handlers[verb], Path(spec_path), reporter))


def watch_parent() -> threading.Event:
    """Tie this process's life to its parent's, where stdin is a pipe that the parent holds.

    Returns:
        The event that is set once the parent sends the line ``stop``.
    """
    stop = threading.Event()
    if not _stdin_is_held():
        return stop
    # Ctrl+C reaches the whole foreground group; whether to stop, and how, is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    pipe = os.dup(0)  # not inheritable, so that no grandchild can read our orders or keep the pipe open
    _point(0, os.devnull, os.O_RDONLY)
    threading.Thread(target=_watch, args=(pipe, stop), name="parent-watch", daemon=True).start()
    return stop


def _stdin_is_held() -> bool:
    with contextlib.suppress(OSError):
        mode = os.fstat(0).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return False


def _watch(pipe: int, stop: threading.Event) -> None:
    # Raw reads: a daemon thread that sleeps inside a buffered reader can abort the interpreter's shutdown.
    buffered = b""
    while chunk := os.read(pipe, 4096):
        *lines, buffered = (buffered + chunk).split(b"\n")
        if any(line.strip() == b"stop" for line in lines):
            stop.set()
    os._exit(STATUS_ABANDONED)  # no clean-up: somebody else may own our folder already


def die_with_parent() -> None:
    """Ask Linux for SIGKILL when the parent dies: works even while a C extension holds the interpreter lock."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _claim_stdout() -> Callable[[str], object]:
    """Keep the real stdout for the protocol and send everything else that is written to fd 1 to stderr."""
    sys.stdout.flush()
    protocol = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def send(line: str) -> None:
        data = memoryview(line.encode())
        try:
            while data:
                data = data[os.write(protocol, data) :]
        except BrokenPipeError:
            os._exit(STATUS_ABANDONED)

    return send


def _point(fd: int, path: str, flags: int) -> None:
    opened = os.open(path, flags)
    os.dup2(opened, fd)
    os.close(opened)


def _run(handler: Handler, spec_path: Path, reporter: Reporter) -> int:
    try:
        reporter.result(handler(_read_spec(spec_path), reporter))
    except BadInput as refusal:
        reporter.error(refusal.code, refusal.detail)
        return STATUS_BAD_INPUT
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        reporter.error("disk_full", DISK_FULL)
        return STATUS_BAD_INPUT
    return 0  # any other exception is a crash: Python's own traceback on stderr and exit status 1


def _read_spec(path: Path) -> dict[str, Any]:
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput("bad_spec", f"the job's description cannot be read: {error}") from error
    if not isinstance(spec, dict):
        raise BadInput("bad_spec", "the job's description must be a JSON object")
    return spec
