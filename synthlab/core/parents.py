"""Processes that end when the one that started them does, however that ends (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_forked_by = 0


def die_with_parent(*, by: signal.Signals = signal.SIGTERM, forks_too: bool = False) -> None:
    """Ask for a signal when this process's parent dies; elsewhere than on Linux this does nothing.

    Args:
        by: The signal; a master of workers wants one that it can answer.
        forks_too: Let what is forked from here be killed with the one that forked it, all the way down. A queue's
            master that is killed would otherwise leave its sentinel and workers at work with nobody to stop them.
    """
    _ask_for(by)
    if forks_too:
        os.register_at_fork(before=_remember, after_in_child=_follow)


def _ask_for(number: signal.Signals) -> None:
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _remember() -> None:
    global _forked_by
    _forked_by = os.getpid()


def _follow() -> None:
    _ask_for(signal.SIGKILL)
    if os.getppid() != _forked_by:  # it died before we asked
        os._exit(1)
