"""One byte that the master of a cluster shares with the processes it forks: we are asked to stop.

A signal reaches only the master, and the queue's own stop waits for running jobs without telling them. Through this
byte a job learns that it should stop at its next checkpoint. Anonymous shared memory needs no lock, so writing it
from a signal handler cannot hang.
"""

import mmap

_shared = mmap.mmap(-1, 1)


def request_stop() -> None:
    """Tell every process forked from this one, and this one, that the worker is stopping."""
    _shared[0] = 1


def is_stopping() -> bool:
    """Whether this process's cluster was asked to stop."""
    return _shared[0] != 0


def clear() -> None:
    """Forget the request (a test that plays a worker)."""
    _shared[0] = 0
