"""Real worker processes on the test's own database, and patience."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from synthlab.core.job_sweep import sweep
from synthlab.core.models import AuditEvent, Job

LEASE = 2
ROOT = Path(__file__).resolve().parents[2]


def live_env(base: dict[str, str]) -> dict[str, str]:
    """Short leases, so that a test need not wait for a minute."""
    return {
        **base,
        "DJANGO_SETTINGS_MODULE": "tests.support.live_settings",
        "SYNTHLAB_JOB_LEASE_SECONDS": str(LEASE),
        "SYNTHLAB_JOB_HEARTBEAT_SECONDS": "0.4",
        "SYNTHLAB_JOB_STOP_GRACE_SECONDS": "3",
        "SYNTHLAB_WORKER_STOP_SECONDS": "6",
    }


class LiveCluster:
    """A real cluster of one lane in a process group of its own."""

    def __init__(self, env: dict[str, str], log: Path, *, lane: str = "short") -> None:
        self._log = log.open("ab")
        self.master = psutil.Popen(
            [sys.executable, "-m", "synthlab", "run-worker", "--lane", lane],
            cwd=ROOT,
            env=env,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def pids(self) -> set[int]:
        try:
            return {self.master.pid} | {one.pid for one in self.master.children(recursive=True)}
        except psutil.NoSuchProcess:
            return set()

    def kill_all(self) -> None:
        for pid in sorted(self.pids()):
            kill(pid)
        self.master.wait(10)

    def close(self) -> None:
        known = self.pids()
        if self.master.poll() is None:
            self.master.send_signal(signal.SIGTERM)
            try:
                self.master.wait(12)
            except psutil.TimeoutExpired:
                self.kill_all()
        for pid in known:
            kill(pid)
        self._log.close()


def one_job(env: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "one_job", *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    try:
        psutil.Process(pid).send_signal(number)
    except psutil.NoSuchProcess:
        return


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(what: Callable[[], Any], seconds: float = 30, *, sweeping: bool = False) -> None:
    """Wait until something is true, playing the sweeper meanwhile if asked to."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        if sweeping:
            sweep()
        time.sleep(0.1)


def fresh(job: Job) -> Job:
    job.refresh_from_db()
    return job


def effects(job: Job) -> int:
    return AuditEvent.objects.filter(action="test.effect", target_id=job.pk).count()


def child_pid(pid_file: Path) -> int:
    wait_for(lambda: pid_file.exists() and pid_file.read_text())
    return int(pid_file.read_text())


@contextmanager
def clusters(env: dict[str, str], log: Path, *, lane: str = "short") -> Iterator[Callable[[], LiveCluster]]:
    """Starts clusters; all of them are closed at the end."""
    started: list[LiveCluster] = []

    def start() -> LiveCluster:
        started.append(LiveCluster(env, log, lane=lane))
        return started[-1]

    yield start
    for cluster in started:
        cluster.close()
