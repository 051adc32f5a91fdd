"""Jobs made of parts: the parent waits for them, joins them, and shares their fate."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import transaction

from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.jobs import enqueue_job, execute, request_cancel, requeue_job
from synthlab.core.models import Job, JobState
from tests.support.soundness import core_violations

OrmQ = apps.get_model("django_q", "OrmQ")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def always_true(transactional_db: None) -> Iterator[None]:
    yield
    assert core_violations() == []


def family(*kinds: str, parent: str = "join") -> tuple[Job, list[Job]]:
    with transaction.atomic():
        job = enqueue_job(f"test_{parent}", actor=None, subject=None)
        shards = [
            enqueue_job(f"test_{kind}", actor=None, subject=None, parent=job, total=2) for kind in kinds
        ]
    return job, shards


def run(job: Job) -> Job:
    execute(str(job.pk))
    job.refresh_from_db()
    return job


def state(job: Job) -> str:
    job.refresh_from_db()
    return job.state


def has_message(job: Job) -> bool:
    job.refresh_from_db()
    found: bool = OrmQ.objects.filter(pk=job.message_id).exists()
    return found


def test_the_parent_waits_and_then_joins() -> None:
    job, (one, two) = family("answer", "answer")
    assert run(job).fence == 0
    OrmQ.objects.filter(pk=job.message_id).delete()  # as its message was taken, in vain
    run(one)
    assert not has_message(job)
    assert (job.progress_done, job.progress_total) == (1, 4)
    assert job.paced_at is not None  # its shards' pace is its own
    before = job.heartbeat_at
    run(two)
    job.refresh_from_db()
    assert before is not None
    assert job.heartbeat_at is not None
    assert job.heartbeat_at > before
    assert has_message(job)
    assert (run(job).state, job.result) == (JobState.SUCCEEDED, {"joined": 2})


def test_a_failed_shard_fails_the_parent_and_cancels_the_rest() -> None:
    job, (one, two, three) = family("answer", "refuse", "answer")
    run(one)
    run(two)
    assert state(job) == JobState.FAILED
    assert job.error_code == "shard_failed"
    assert "too blue" in job.error
    assert state(three) == JobState.CANCELLED
    assert state(one) == JobState.SUCCEEDED


def test_queueing_the_parent_again_runs_only_what_is_missing() -> None:
    job, (one, two) = family("answer", "refuse")
    run(one)
    run(two)
    Job.objects.filter(pk=two.pk).update(kind="test_answer")
    requeue_job(actor=None, job=job)
    assert (state(job), state(one), state(two)) == (JobState.QUEUED, JobState.SUCCEEDED, JobState.QUEUED)
    run(two)
    assert run(job).state == JobState.SUCCEEDED
    one.refresh_from_db()
    assert one.fence == 1


def test_cancel_passes_down() -> None:
    job, (one, two) = family("answer", "answer")
    request_cancel(actor=None, job=job)
    assert (state(job), state(one), state(two)) == (JobState.CANCELLED,) * 3
    assert job.error == "Cancelled before it began."


def test_who_cancels_what_has_begun_is_told_that_it_is_kept() -> None:
    job, (one, _) = family("answer", "answer")
    run(one)
    request_cancel(actor=None, job=job)
    assert (state(job), state(one)) == (JobState.CANCELLED, JobState.SUCCEEDED)
    assert job.error == "Cancelled; what was complete is kept."


def test_a_handler_may_make_its_shards_itself() -> None:
    job = enqueue_job("test_fan", actor=None, subject=None, payload={"shards": 3})
    assert run(job).state == JobState.QUEUED
    assert job.attempt == 0
    for shard in job.children.all():
        run(shard)
    assert (run(job).state, job.result) == (JobState.SUCCEEDED, {"joined": 3})


def test_a_handler_whose_shards_fail() -> None:
    job = enqueue_job("test_fan", actor=None, subject=None, payload={"shards": 2, "kind": "test_refuse"})
    run(job)
    run(job.children.all()[0])
    assert state(job) == JobState.FAILED
    assert not job.children.live().exists()


def test_no_shards_of_shards_and_none_for_the_dead() -> None:
    job, (shard,) = family("refuse")
    with pytest.raises(InvalidInput):
        enqueue_job("test_answer", actor=None, subject=None, parent=shard)
    run(shard)
    with pytest.raises(Conflict):
        enqueue_job("test_answer", actor=None, subject=None, parent=job)
