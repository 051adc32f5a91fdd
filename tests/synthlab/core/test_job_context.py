"""What a handler can say, and that none of it is written once the job is somebody else's."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from synthlab.core.audit import record_event
from synthlab.core.job_context import JobCancelled, JobContext
from synthlab.core.job_lease import Lease
from synthlab.core.job_states import LeaseLost, claim, crash, finish
from synthlab.core.job_sweep import quiet_lanes, sweep
from synthlab.core.job_work import job_folder, make_work_folder, remove_old_folders
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import AuditEvent, Job, JobState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def job() -> Job:
    made = enqueue_job("test_answer", actor=None, subject=None)
    claimed = claim(str(made.pk))
    assert claimed is not None
    return claimed


@pytest.fixture
def context(job: Job) -> JobContext:
    return JobContext(job, Lease(job), make_work_folder(job), shards=0)


def take_away(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(fence=job.fence + 1)


def lose_lease(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_a_claim_counts_the_attempt_before_the_work(job: Job) -> None:
    assert (job.state, job.attempt, job.fence) == (JobState.RUNNING, 1, 1)
    left = Job.objects.filter(pk=job.pk, lease_until__gt=Now() + timedelta(seconds=55))
    assert left.filter(lease_until__lt=Now() + timedelta(seconds=61)).exists()
    assert claim(str(job.pk)) is None


def test_progress_never_exceeds_its_total(context: JobContext, job: Job) -> None:
    context.progress("p", 7, 5, rate=1.5)
    context.progress("p", -1, -5, eta=3)
    job.refresh_from_db()
    assert (job.progress_done, job.progress_total, job.facts) == (0, 0, {"rate": 1.5, "eta": 3})


def test_the_pace_begins_anew_with_each_phase_and_attempt(context: JobContext, job: Job) -> None:
    def base() -> tuple[str, int, int]:
        job.refresh_from_db()
        assert job.paced_at is not None
        assert job.heartbeat_at is not None
        assert job.heartbeat_at >= job.paced_at
        return job.phase, job.paced_done, job.progress_done

    context.progress("one", 40, 100)
    assert base() == ("one", 40, 40)
    context.progress("one", 100, 100)
    assert base() == ("one", 40, 100)
    context.progress("two", 0, 10)
    assert base() == ("two", 0, 0)
    crash(context.job, code="crashed", error="")
    again = claim(str(job.pk))
    assert again is not None
    assert again.paced_at is None


def test_progress_is_written_now_and_then(
    context: JobContext, job: Job, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(4):
        for number in range(1000):
            context.progress("p", number, 2000)
    context.flush(force=True)
    job.refresh_from_db()
    assert job.progress_done == 999


def test_the_log_tail_is_bounded(context: JobContext, job: Job) -> None:
    for number in range(3000):
        context.log(f"line {number}")
    context.flush(force=True)
    job.refresh_from_db()
    assert job.log_tail.endswith("line 2999\n")
    assert len(job.log_tail) <= 16_000


def commit_an_event(context: JobContext, **options: Any) -> None:
    with context.commit(**options):
        record_event(chain="site", actor=None, action="test", target=context.job)


@pytest.mark.parametrize(
    "act",
    [
        lambda context: context.progress("p", 1, 1),
        lambda context: context.move_cursor({"step": 1}),
        commit_an_event,
        lambda context: commit_an_event(context, finish_with={}),
    ],
    ids=["progress", "cursor", "commit", "finish"],
)
def test_nothing_is_written_once_it_is_somebody_elses(
    context: JobContext, job: Job, act: Callable[[JobContext], None]
) -> None:
    take_away(job)
    before = Job.objects.filter(pk=job.pk).values().get()
    with pytest.raises(LeaseLost):
        act(context)
    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert not AuditEvent.objects.exists()


def test_finishing_in_the_same_transaction(context: JobContext, job: Job) -> None:
    context.progress("p", 3, 4)
    with context.commit(finish_with={"n": 1}):
        record_event(chain="site", actor=None, action="test", target=job)
    job.refresh_from_db()
    assert (job.state, job.result, job.progress_done) == (JobState.SUCCEEDED, {"n": 1}, 3)
    assert AuditEvent.objects.count() == 1


def test_a_moved_cursor_sets_the_count_back(context: JobContext, job: Job) -> None:
    context.move_cursor({"step": 5})
    job.refresh_from_db()
    assert (job.cursor, job.attempt) == ({"step": 5}, 0)


def test_cancel_is_seen(context: JobContext, job: Job) -> None:
    assert not context.should_stop
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=Now())
    context._looked = 0.0
    assert context.should_stop
    with pytest.raises(JobCancelled):
        context.check()


def test_the_sweep_gives_a_lost_job_to_another_thrice_then_gives_up(job: Job) -> None:
    assert sweep().requeued == 0
    for attempt in (1, 2):
        lose_lease(job)
        assert sweep().requeued == 1
        job.refresh_from_db()
        assert (job.state, job.attempt, job.error_code) == (JobState.QUEUED, attempt, "worker_lost")
        assert claim(str(job.pk)) is not None
    lose_lease(job)
    assert sweep().ended == 1
    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.DEAD, 3)


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=Now())
    lose_lease(job)
    assert sweep().ended == 1
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_work_folders_of_old_attempts_go_but_for_the_checkpoint(job: Job) -> None:
    for fence in (1, 2, 3):
        job.fence = fence
        folder = job_folder(job) / str(fence)
        (folder / "checkpoint").mkdir(parents=True)
    job.cursor = {"step": 1, "checkpoint": str(job_folder(job) / "2" / "checkpoint")}
    assert remove_old_folders(job) == 1
    assert sorted(path.name for path in job_folder(job).iterdir()) == ["2", "3"]
    job.state = JobState.CANCELLED
    remove_old_folders(job)
    assert sorted(path.name for path in job_folder(job).iterdir()) == ["2"]
    job.state = JobState.SUCCEEDED
    remove_old_folders(job)
    assert not job_folder(job).exists()


def test_a_row_that_was_read_before_a_new_claim_removes_nothing_of_it(context: JobContext, job: Job) -> None:
    before = Job.objects.get(pk=job.pk)
    take_away(job)
    newer = job_folder(job) / str(job.fence + 1)
    newer.mkdir()
    assert remove_old_folders(before) == 0
    assert newer.is_dir()


def test_a_cursor_cannot_lead_out_of_the_work_root(job: Job, tmp_path: Path) -> None:
    (job_folder(job) / "0").mkdir(parents=True)
    for checkpoint in (str(tmp_path), "../..", "/", 7, ""):
        job.cursor = {"checkpoint": checkpoint}
        make_work_folder(job)
        assert [path.name for path in job_folder(job).iterdir()] == [str(job.fence)]
        (job_folder(job) / "0").mkdir(parents=True)


def test_a_lane_that_takes_nothing_is_seen(job: Job) -> None:
    waiting = enqueue_job("test_answer", actor=None, subject=None)
    Job.objects.filter(pk=waiting.pk).update(created_at=Now() - timedelta(hours=1))
    assert quiet_lanes(60) == set()  # one is at work
    Job.objects.filter(pk=job.pk).update(heartbeat_at=Now() - timedelta(hours=1))
    assert quiet_lanes(60) == {"short"}


def test_two_may_tidy_the_same_folder(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep removes the last folder of a job, and its home, just before its worker does."""
    folder = make_work_folder(job)
    finish(job, JobState.SUCCEEDED)
    real = shutil.rmtree

    def both(path: Path, **options: Any) -> None:
        real(path, **options)
        job_folder(job).rmdir()

    monkeypatch.setattr("synthlab.core.job_work.shutil.rmtree", both)
    assert remove_old_folders(job) == 1
    assert not folder.exists()
    assert remove_old_folders(job) == 0
