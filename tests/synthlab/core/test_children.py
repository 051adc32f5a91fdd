"""The worker's side of the process seam, with real child processes."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.db import connection

from synthlab.core import stopping
from synthlab.core.children import _child_environment
from synthlab.core.jobs import enqueue_job, execute, request_cancel
from synthlab.core.models import AuditEvent, Job, JobState

pytestmark = [pytest.mark.django_db(transaction=True)]


def enqueue(kind: str, **payload: Any) -> Job:
    return enqueue_job(f"test_{kind}", actor=None, subject=None, payload=payload)


def run(job: Job) -> Job:
    execute(str(job.pk))
    job.refresh_from_db()
    return job


def later(seconds: float, what: Any) -> threading.Thread:
    def act() -> None:
        time.sleep(seconds)
        try:
            what()
        finally:
            connection.close()

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_progress_cursor_log_and_result_are_relayed() -> None:
    job = run(enqueue("steps", steps=4))
    assert (job.state, job.result) == (JobState.SUCCEEDED, {"stopped": False, "step": 4})
    assert (job.phase, job.progress_done, job.progress_total) == ("counting", 4, 4)
    assert job.facts == {"step": 3}
    assert job.cursor["step"] == 4
    assert job.log_tail == "counted\n"
    assert not (settings.WORK_ROOT / str(job.pk)).exists()


@pytest.mark.parametrize("way", ["kill", "exit", "silence", "babble", "bug"])
def test_a_child_without_an_answer_is_a_crash(way: str) -> None:
    job = run(enqueue("poison", way=way))
    assert (job.state, job.attempt, job.error_code) == (JobState.QUEUED, 1, "child_crashed")
    assert f"poison: {way}" in job.log_tail
    if way == "kill":
        assert "SIGKILL" in job.error


def test_bad_input_fails_at_once_with_the_childs_words() -> None:
    job = run(enqueue("poison", way="refuse"))
    assert (job.state, job.error_code, job.error) == (
        JobState.FAILED,
        "bad_picture",
        "The picture cannot be read.",
    )


def test_poison_is_dead_after_exactly_three_attempts() -> None:
    job = enqueue("poison")
    for _ in range(5):
        run(job)
    assert (job.state, job.attempt, job.fence) == (JobState.DEAD, 3, 3)


def test_progress_between_crashes_sets_the_count_back() -> None:
    job = enqueue("stumble", steps=6)
    for _ in range(6):
        assert not job.is_finished
        run(job)
    assert (job.state, job.result, job.fence) == (JobState.SUCCEEDED, {"step": 6}, 6)


def test_cancel_stops_the_child_at_its_next_step() -> None:
    job = enqueue("steps", steps=1000, delay=0.05)
    thread = later(0.6, lambda: request_cancel(actor=None, job=job))
    run(job)
    thread.join()
    assert (job.state, job.error_code) == (JobState.CANCELLED, "cancelled")
    assert 1 < job.cursor["step"] < 100
    assert Path(job.cursor["checkpoint"]).is_dir()  # for the one that goes on from here
    assert AuditEvent.objects.get(action="test.ended").facts == {"state": "cancelled"}
    assert not AuditEvent.objects.filter(action="test.effect").exists()


def test_a_deaf_child_is_killed_after_the_grace(settings: Any, tmp_path: Path) -> None:
    settings.JOB_STOP_GRACE_SECONDS = 0.5
    pid_file = tmp_path / "pid"
    job = enqueue("steps", steps=1000, delay=0.05, deaf=True, save=False, pid_file=str(pid_file))
    thread = later(0.6, lambda: request_cancel(actor=None, job=job))
    began = time.monotonic()
    run(job)
    thread.join()
    assert job.state == JobState.CANCELLED
    assert time.monotonic() - began < 10
    assert not psutil.pid_exists(int(pid_file.read_text()))


def test_a_stopping_worker_gives_the_job_back_uncounted() -> None:
    job = enqueue("steps", steps=60, delay=0.05)
    thread = later(0.8, stopping.request_stop)
    try:
        run(job)
    finally:
        thread.join()
        stopping.clear()
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)
    reached = job.cursor["step"]
    assert 0 < reached < 60
    run(job)
    assert (job.state, job.result["step"], job.fence) == (JobState.SUCCEEDED, 60, 2)


def test_the_deadline_ends_it() -> None:
    job = run(enqueue("deadline", steps=1000, delay=0.05))
    assert (job.state, job.error_code) == (JobState.FAILED, "deadline_passed")


def test_a_lost_lease_kills_the_child_and_writes_nothing(settings: Any, tmp_path: Path) -> None:
    settings.JOB_HEARTBEAT_SECONDS = 0.2
    pid_file = tmp_path / "pid"
    job = enqueue("steps", steps=1000, delay=0.05, save=False, pid_file=str(pid_file))
    thread = later(0.8, lambda: Job.objects.filter(pk=job.pk).update(fence=9, phase="taken"))
    run(job)
    thread.join()
    assert (job.state, job.fence, job.phase) == (JobState.RUNNING, 9, "taken")
    assert not psutil.pid_exists(int(pid_file.read_text()))
    assert not AuditEvent.objects.exists()


def test_the_child_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHLAB_SECRET_KEY", "x" * 50)
    monkeypatch.setenv("SYNTHLAB_MODEL_SERVICE_SECRET", "x" * 50)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    environment = _child_environment()
    assert environment["OMP_NUM_THREADS"] == "1"
    assert not {"SYNTHLAB_SECRET_KEY", "SYNTHLAB_MODEL_SERVICE_SECRET", "DATABASE_URL"} & set(environment)
    assert os.environ["DATABASE_URL"]
