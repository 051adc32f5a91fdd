"""A real cluster is killed in every way, in the middle of a job; nothing is lost, nothing is done twice."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job, JobState
from tests.faults.live import LiveCluster, alive, child_pid, effects, fresh, kill, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.both_databases]

Start = Callable[[], LiveCluster]


def counting_job(tmp_path: Path, **payload: Any) -> tuple[Job, Path]:
    pid_file = tmp_path / "child.pid"
    payload = {"steps": 30, "delay": 0.1, "pid_file": str(pid_file), **payload}
    return enqueue_job("test_steps", actor=None, subject=None, payload=payload), pid_file


def gone_within(pids: set[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))


def test_a_killed_worker_loses_nothing(start_cluster: Start, tmp_path: Path) -> None:
    job, pid_file = counting_job(tmp_path)
    start_cluster()
    child = child_pid(pid_file)
    wait_for(lambda: fresh(job).cursor.get("step", 0) >= 5)
    kill(psutil.Process(child).ppid())
    assert gone_within({child}, 5)
    wait_for(lambda: fresh(job).is_finished, sweeping=True)
    assert (job.state, job.fence, job.result["step"], effects(job)) == (JobState.SUCCEEDED, 2, 30, 1)


def test_a_killed_cluster_leaves_nothing_running_and_loses_nothing(
    start_cluster: Start, tmp_path: Path
) -> None:
    job, pid_file = counting_job(tmp_path)
    cluster = start_cluster()
    child = child_pid(pid_file)
    wait_for(lambda: fresh(job).cursor.get("step", 0) >= 5)
    everything = cluster.pids() | {child}
    assert len(everything) == 6  # master, sentinel, worker, monitor, pusher, child
    kill(cluster.master.pid)
    cluster.master.wait(5)
    assert gone_within(everything, 5)
    start_cluster()
    wait_for(lambda: fresh(job).is_finished, sweeping=True)
    assert (job.state, job.fence, effects(job)) == (JobState.SUCCEEDED, 2, 1)


def test_poison_ends_dead_and_the_queue_behind_it_moves_on(start_cluster: Start) -> None:
    poison = enqueue_job("test_suicide", actor=None, subject=None)
    child_poison = enqueue_job("test_poison", actor=None, subject=None)
    behind = enqueue_job("test_answer", actor=None, subject=None)
    start_cluster()
    wait_for(lambda: fresh(behind).state == JobState.SUCCEEDED, 20, sweeping=True)
    wait_for(lambda: fresh(poison).is_finished and fresh(child_poison).is_finished, 60, sweeping=True)
    for job in (poison, child_poison):
        assert (job.state, job.attempt, job.fence) == (JobState.DEAD, 3, 3)
    assert (poison.error_code, child_poison.error_code) == ("worker_lost", "child_crashed")
    assert behind.fence == 1


def test_a_clean_stop_gives_the_job_back_uncounted(start_cluster: Start, tmp_path: Path) -> None:
    job, pid_file = counting_job(tmp_path, steps=600)
    cluster = start_cluster()
    child = child_pid(pid_file)
    wait_for(lambda: fresh(job).cursor.get("step", 0) >= 3)
    everything = cluster.pids() | {child}
    cluster.master.send_signal(signal.SIGTERM)
    assert cluster.master.wait(10) == 0
    assert gone_within(everything, 2)
    assert (fresh(job).state, job.attempt) == (JobState.QUEUED, 0)
    reached = job.cursor["step"]
    start_cluster()
    wait_for(lambda: fresh(job).cursor["step"] > reached)


def test_a_signal_to_the_whole_group_ends_it_in_time(start_cluster: Start, tmp_path: Path) -> None:
    """The library's own master hangs for ever then."""
    job, pid_file = counting_job(tmp_path, steps=600)
    cluster = start_cluster()
    everything = {child_pid(pid_file)} | cluster.pids()
    os.killpg(cluster.master.pid, signal.SIGTERM)
    cluster.master.wait(12)
    assert gone_within(everything, 5)
    assert not fresh(job).is_finished
