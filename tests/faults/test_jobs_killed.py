"""One attempt is killed, frozen or delivered thrice; whoever goes on, the effect is there once."""

import re
import signal
from pathlib import Path

import psutil
import pytest
from django.apps import apps

from synthlab.core.jobs import enqueue_job, execute
from synthlab.core.models import Job, JobState
from tests.faults.live import ROOT, child_pid, effects, fresh, kill, one_job, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.both_databases]

NAMED = sorted(
    name
    for path in (ROOT / "synthlab" / "core").glob("*.py")
    for name in re.findall(r'kill_point\("([a-z_.]+)"\)', path.read_text())
)
MAKING = {"job.created", "job.sent"}


def test_the_names_are_unique() -> None:
    assert len(NAMED) >= 9
    assert len(set(NAMED)) == len(NAMED)


@pytest.mark.parametrize("name", sorted(set(NAMED) - MAKING))
def test_killed_at_every_step_of_a_job(env: dict[str, str], name: str) -> None:
    job = enqueue_job("test_thorough", actor=None, subject=None)
    killed = one_job({**env, "SYNTHLAB_KILL_POINT": name}, "--do", str(job.pk))
    assert killed.wait(60) == -signal.SIGKILL, "the kill point was not reached"
    wait_for(lambda: fresh(job).state != JobState.RUNNING, sweeping=True)
    if not job.is_finished:
        execute(str(job.pk))
    assert (fresh(job).state, effects(job)) == (JobState.SUCCEEDED, 1)
    assert job.result["step"] == 2


@pytest.mark.parametrize("name", sorted(MAKING))
def test_killed_while_it_is_made_there_is_neither_job_nor_message(env: dict[str, str], name: str) -> None:
    killed = one_job({**env, "SYNTHLAB_KILL_POINT": name}, "--make", "test_answer")
    assert killed.wait(60) == -signal.SIGKILL
    assert not Job.objects.exists()
    assert not apps.get_model("django_q", "OrmQ").objects.exists()


def test_a_zombie_writes_nothing(env: dict[str, str], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    payload = {"steps": 12, "delay": 0.1, "pid_file": str(pid_file), "save": False}
    job = enqueue_job("test_steps", actor=None, subject=None, payload=payload)
    zombie = one_job(env, "--do", str(job.pk))
    child_pid(pid_file)
    kill(zombie.pid, signal.SIGSTOP)
    wait_for(lambda: fresh(job).state == JobState.QUEUED, sweeping=True)
    pid_file.unlink()
    execute(str(job.pk))
    finished = Job.objects.filter(pk=job.pk).values().get()
    assert (finished["state"], finished["fence"]) == (JobState.SUCCEEDED, 2)
    kill(zombie.pid, signal.SIGCONT)
    assert zombie.wait(30) == 0
    assert Job.objects.filter(pk=job.pk).values().get() == finished
    assert effects(job) == 1


def test_delivered_three_times_at_once_it_is_done_once(env: dict[str, str]) -> None:
    job = enqueue_job("test_effect", actor=None, subject=None, payload={"seconds": 1})
    processes = [one_job(env, "--do", str(job.pk)) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (fresh(job).state, job.fence, effects(job)) == (JobState.SUCCEEDED, 1, 1)


def test_a_worker_killed_alone_takes_its_child_with_it(env: dict[str, str], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    payload = {"steps": 600, "delay": 0.1, "pid_file": str(pid_file)}
    job = enqueue_job("test_steps", actor=None, subject=None, payload=payload)
    worker = one_job(env, "--do", str(job.pk))
    child = psutil.Process(child_pid(pid_file))
    worker.kill()
    worker.wait()
    child.wait(5)
    Job.objects.filter(pk=job.pk).update(payload={**payload, "steps": 1, "pid_file": str(tmp_path / "2")})
    wait_for(lambda: fresh(job).state == JobState.QUEUED, sweeping=True)
