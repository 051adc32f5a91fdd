"""One attempt at a job: what its handler does, and what becomes of the row."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from synthlab.core import stopping
from synthlab.core.exceptions import Conflict
from synthlab.core.job_sweep import sweep
from synthlab.core.jobs import enqueue_job, execute, request_cancel, requeue_job
from synthlab.core.models import AuditEvent, Job, JobState
from tests.factories import make_scientist

OrmQ = apps.get_model("django_q", "OrmQ")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def enqueue(kind: str, **payload: Any) -> Job:
    return enqueue_job(f"test_{kind}", actor=None, subject=None, payload=payload)


def run(job: Job) -> Job:
    execute(str(job.pk))
    job.refresh_from_db()
    return job


def effects(job: Job) -> int:
    return AuditEvent.objects.filter(action="test.effect", target_id=job.pk).count()


def test_a_job_and_its_message_are_written_together() -> None:
    with pytest.raises(RuntimeError):
        enqueue_and_fail()
    assert not Job.objects.exists()
    assert not OrmQ.objects.exists()
    job = enqueue("answer")
    assert OrmQ.objects.get().pk == job.message_id


@transaction.atomic
def enqueue_and_fail() -> None:
    enqueue("answer")
    raise RuntimeError


def test_the_message_holds_only_the_id() -> None:
    job = enqueue("answer", number=123456789)
    task = OrmQ.objects.get().task
    assert task["args"] == (str(job.pk),)
    assert task["kwargs"] == {}


def test_success() -> None:
    job = run(enqueue("answer"))
    assert (job.state, job.result, job.attempt) == (JobState.SUCCEEDED, {"answer": 42}, 1)
    assert (job.phase, job.progress_done, job.progress_total) == ("answering", 1, 2)
    assert job.facts == {"colour": "blue"}
    assert job.finished_at is not None
    assert job.lease_until is None


def test_a_refusal_fails_at_once() -> None:
    job = run(enqueue("refuse"))
    assert (job.state, job.error_code, job.error) == (JobState.FAILED, "too_blue", "The picture is too blue.")
    assert AuditEvent.objects.get(action="test.ended").facts == {"state": "failed"}


def test_three_bugs_are_dead_after_three_attempts_and_tell_no_secret() -> None:
    job = enqueue("raise")
    for attempt in (1, 2):
        run(job)
        assert (job.state, job.attempt) == (JobState.QUEUED, attempt)
    run(job)
    assert (job.state, job.attempt, job.fence) == (JobState.DEAD, 3, 3)
    assert "3 attempts" in job.error
    assert "secret" not in job.error + job.log_tail
    run(job)
    assert job.fence == 3


def test_a_late_duplicate_does_nothing() -> None:
    job = run(enqueue("effect"))
    run(job)
    assert (job.state, job.fence, effects(job)) == (JobState.SUCCEEDED, 1, 1)


def test_cancelled_while_it_waits() -> None:
    person = make_scientist()
    job = enqueue_job("test_effect", actor=person, subject=person)
    request_cancel(actor=person, job=job)
    assert job.state == JobState.CANCELLED
    assert AuditEvent.objects.get(action="test.ended").facts == {"state": "cancelled"}
    assert AuditEvent.objects.get(action="job.cancel_requested").actor == person
    run(job)
    assert (job.fence, effects(job)) == (0, 0)
    with pytest.raises(Conflict):
        request_cancel(actor=person, job=job)


def test_a_failed_job_can_be_queued_again() -> None:
    job = run(enqueue("refuse"))
    requeue_job(actor=None, job=job)
    assert (job.state, job.attempt, job.finished_at) == (JobState.QUEUED, 0, None)
    assert OrmQ.objects.filter(pk=job.message_id).exists()
    run(job)
    with pytest.raises(Conflict):
        requeue_job(actor=None, job=run(enqueue("answer")))


def test_an_unknown_kind_fails_clearly() -> None:
    job = enqueue("answer")
    Job.objects.filter(pk=job.pk).update(kind="from_another_version")
    run(job)
    assert (job.state, job.error_code) == (JobState.FAILED, "unknown_kind")


def test_a_stopping_worker_hands_the_job_on() -> None:
    job = enqueue("effect")
    first = job.message_id
    stopping.request_stop()
    try:
        run(job)
    finally:
        stopping.clear()
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)
    assert job.message_id != first
    assert OrmQ.objects.filter(pk=job.message_id).exists()


def test_the_sweep_sends_a_lost_message_again() -> None:
    job = enqueue("answer")
    age(job)
    assert sweep().resent == 0  # the message waits its turn
    OrmQ.objects.all().delete()
    assert sweep().resent == 1
    assert sweep().resent == 0
    job.refresh_from_db()
    assert OrmQ.objects.filter(pk=job.message_id).exists()


def age(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(queued_at=timezone.now() - timedelta(hours=1))
