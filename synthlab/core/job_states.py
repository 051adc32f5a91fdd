"""Every way a job changes its state: compare-and-set, in one transaction with all that follows from it.

Locks are taken parent first, then child, so that two ends never wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Coalesce, Now

from synthlab.core.audit import SITE_CHAIN, record_event
from synthlab.core.exceptions import Conflict
from synthlab.core.job_kinds import UnknownKind, kind_of, load
from synthlab.core.jobs import send_message
from synthlab.core.kill_points import kill_point
from synthlab.core.models import LIVE_JOB_STATES, Job, JobState
from synthlab.logs import get_logger

if TYPE_CHECKING:
    from synthlab.accounts.models import User

log = get_logger(__name__)


class LeaseLost(Exception):
    """The job is no longer ours: it was cancelled, given to another worker, or ended. Write nothing more."""


def claim(job_id: str) -> Job | None:
    """Take a queued job: count the attempt, raise the fence, start the lease. None where it is not to be had."""
    with transaction.atomic():
        taken = (
            Job.objects.filter(pk=job_id, state=JobState.QUEUED)
            .without_live_children()
            .update(
                state=JobState.RUNNING,
                attempt=F("attempt") + 1,
                fence=F("fence") + 1,
                lease_until=Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS),
                heartbeat_at=Now(),
                started_at=Coalesce("started_at", Now()),
                paced_at=None,
                error_code="",
                error="",
            )
        )
        job = Job.objects.get(pk=job_id) if taken else None
    kill_point("job.claimed")
    return job


def finish(
    job: Job, state: JobState, *, code: str = "", error: str = "", result: dict[str, Any] | None = None
) -> None:
    """End a job that is as `job` says it is (state and fence), and let parent, shards and subject follow.

    Raises:
        LeaseLost: It has moved on in the meantime; nothing was changed.
    """
    with transaction.atomic():
        parent = lock_parent(job)
        changed = Job.objects.filter(pk=job.pk, state=job.state, fence=job.fence).update(
            state=state,
            finished_at=Now(),
            lease_until=None,
            message_id=None,
            error_code=code,
            error=error,
            **({} if result is None else {"result": result}),
        )
        if changed != 1:
            raise LeaseLost
        job.refresh_from_db()
        if state != JobState.SUCCEEDED:
            # The shards' rows before the subject's: a shard that commits holds its own row, then takes the subject's.
            _cancel_shards(job)
            _run_on_end(job)
        if parent is not None:
            _roll_up(parent, job)
    kill_point("job.finished")
    log.info("job_ended", state=str(state), code=code, attempt=job.attempt)


def crash(job: Job, *, code: str, error: str) -> JobState:
    """Account for an attempt that ended without an answer: queue the job again, or give it up as dead.

    Returns:
        The state the job has now.

    Raises:
        LeaseLost: It has moved on in the meantime.
    """
    with transaction.atomic():
        lock_parent(job)
        row = _locked(job)
        if row.cancel_requested:
            finish(row, JobState.CANCELLED, code="cancelled", error=error)
            return JobState.CANCELLED
        if row.attempt >= settings.JOB_MAX_ATTEMPTS:
            why = f"It was given up after {row.attempt} attempts without progress. The last one: {error}"
            finish(row, JobState.DEAD, code=code, error=why)
            return JobState.DEAD
        _queue_again(row, code=code, error=error)
    log.warning("job_crashed", code=code, attempt=row.attempt, error=error[:400])
    return JobState.QUEUED


def interrupt(job: Job) -> None:
    """Give a job back because its worker is stopping; this attempt does not count."""
    with transaction.atomic():
        row = _locked(job)
        _queue_again(row, attempt=max(row.attempt - 1, 0))


def await_shards(job: Job, *, known: int) -> bool:
    """After its handler: let a job that made shards wait for them; it runs again when they have succeeded.

    Args:
        job: The running job.
        known: How many shards it had when this run of its handler began.

    Returns:
        False where it made none, so that it is done.
    """
    with transaction.atomic():
        row = _locked(job)
        shards = row.children.all()
        if shards.count() == known:
            return False
        broken = shards.exclude(state__in=(*LIVE_JOB_STATES, JobState.SUCCEEDED)).first()
        if broken is not None:
            finish(row, JobState.FAILED, code="shard_failed", error=_shard_error(broken))
        elif shards.live().exists():
            Job.objects.filter(pk=row.pk).update(state=JobState.QUEUED, lease_until=None, attempt=0)
        else:
            _queue_again(row, attempt=0)
    return True


def cancel(*, actor: User | None, job: Job) -> Job:
    """See `jobs.request_cancel`."""
    with transaction.atomic():
        lock_parent(job)
        row = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
        if row.is_finished:
            raise Conflict("job_finished", f"The job has already ended ({row.state}).", state=row.state)
        record_event(chain=SITE_CHAIN, actor=actor, action="job.cancel_requested", target=row)
        _stop(row)
    job.refresh_from_db()
    return job


def revive(*, actor: User | None, job: Job) -> Job:
    """See `jobs.requeue_job`."""
    with transaction.atomic():
        lock_parent(job)
        row = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
        if row.state not in (JobState.FAILED, JobState.DEAD):
            raise Conflict("job_not_failed", f"Only a failed or dead job can be queued again ({row.state}).")
        _ask_kind(row)
        record_event(chain=SITE_CHAIN, actor=actor, action="job.requeued", target=row)
        broken = (JobState.FAILED, JobState.DEAD, JobState.CANCELLED)
        for shard in row.children.select_for_update(no_key=True).filter(state__in=broken):
            _queue_again(shard, attempt=0, finished_at=None, cancel_requested_at=None)
        _queue_again(row, attempt=0, finished_at=None, cancel_requested_at=None)
    job.refresh_from_db()
    return job


def _ask_kind(job: Job) -> None:
    """Let the app that knows what the job is about refuse to queue it again."""
    try:
        path = kind_of(job.kind).on_requeue
    except UnknownKind:
        return
    if path is not None:
        cast(Callable[[Job], None], load(path))(job)


def lock_parent(job: Job) -> Job | None:
    """Lock the row of the job's parent for this transaction."""
    if job.parent_id is None:
        return None
    return Job.objects.select_for_update(no_key=True).get(pk=job.parent_id)


def add_up(parent_id: Any) -> None:
    """Make a parent's progress the sum of its shards', and take their pace together."""
    shards = Job.objects.filter(parent_id=parent_id)
    sums = shards.aggregate(done=Sum("progress_done"), total=Sum("progress_total"))
    done = sums["done"] or 0
    waiting = Job.objects.filter(pk=parent_id, state=JobState.QUEUED)
    waiting.filter(paced_at=None).update(paced_at=Now(), paced_done=done)
    waiting.update(progress_done=done, progress_total=sums["total"] or 0, phase="shards", heartbeat_at=Now())


def _locked(job: Job) -> Job:
    row = (
        Job.objects.select_for_update(no_key=True)
        .filter(pk=job.pk, state=JobState.RUNNING, fence=job.fence)
        .first()
    )
    if row is None:
        raise LeaseLost
    return row


def _queue_again(row: Job, *, code: str = "", error: str = "", **fields: Any) -> None:
    fields = {"lease_until": None, "paced_at": None, "error_code": code, "error": error, **fields}
    fields["state"] = JobState.QUEUED
    Job.objects.filter(pk=row.pk).update(**fields)
    send_message(row)


def _stop(row: Job) -> None:
    """Cancel what waits, ask what runs."""
    if row.state == JobState.QUEUED:
        begun = row.progress_done > 0  # its shards made that much while it waited for them
        words = "Cancelled; what was complete is kept." if begun else "Cancelled before it began."
        finish(row, JobState.CANCELLED, code="cancelled", error=words)
    else:
        Job.objects.filter(pk=row.pk).update(cancel_requested_at=Coalesce("cancel_requested_at", Now()))
        _cancel_shards(row)


def _cancel_shards(job: Job) -> None:
    for shard in job.children.select_for_update(no_key=True).filter(state__in=LIVE_JOB_STATES):
        _stop(shard)


def _roll_up(parent: Job, shard: Job) -> None:
    """What the end of a shard means for its parent, whose row is locked."""
    add_up(parent.pk)
    if parent.state != JobState.QUEUED:
        return  # still making shards: `await_shards` looks again; or ended already
    if shard.state != JobState.SUCCEEDED:
        finish(parent, JobState.FAILED, code="shard_failed", error=_shard_error(shard))
    elif not parent.children.exclude(state=JobState.SUCCEEDED).exists():
        send_message(parent)


def _shard_error(shard: Job) -> str:
    return f"One of its parts ended as {shard.state}: {shard.error}"


def _run_on_end(job: Job) -> None:
    try:
        path = kind_of(job.kind).on_end
    except UnknownKind:
        return  # an app that is gone; the job must still be able to end
    if path is None:
        return
    try:
        with transaction.atomic():
            cast(Callable[[Job], None], load(path))(job)
    except Exception:
        # The job has to end all the same; `synthlab check` finds a subject that did not follow.
        log.exception("job_on_end_failed", job_id=str(job.pk), kind=job.kind)
