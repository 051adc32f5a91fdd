"""One attempt at one job, from its message to its end."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, cast

import structlog

from synthlab.core import stopping
from synthlab.core.children import ChildCrashed
from synthlab.core.exceptions import DomainError
from synthlab.core.job_context import JobCancelled, JobContext, JobInterrupted
from synthlab.core.job_kinds import UnknownKind, kind_of, load
from synthlab.core.job_lease import Lease
from synthlab.core.job_states import LeaseLost, await_shards, claim, crash, finish, interrupt
from synthlab.core.job_work import make_work_folder, remove_old_folders
from synthlab.core.jobs import send_message
from synthlab.core.models import Job, JobState
from synthlab.logs import get_logger

log = get_logger(__name__)

DISK_FULL = "The disk is full. What was complete is kept; make room, then queue the job again."

Handler = Callable[[JobContext], dict[str, Any] | None]


def run_job(job_id: str) -> None:
    """Claim a job and do it. A message for a job that is not to be had does nothing; nothing is raised."""
    if stopping.is_stopping():
        _hand_on(job_id)
        return
    job = claim(job_id)
    if job is None:
        log.info("job_message_without_effect", job_id=job_id)
        return
    with structlog.contextvars.bound_contextvars(
        job_id=str(job.pk), job_kind=job.kind, request_id=job.request_id
    ):
        log.info("job_started", attempt=job.attempt, fence=job.fence)
        try:
            _attempt(job)
        except LeaseLost:
            log.warning("job_lease_lost", fence=job.fence)
        except Exception:
            # The database went away while we tried to say how it ended: the sweep will find the lost lease.
            log.exception("job_end_not_recorded")


def _hand_on(job_id: str) -> None:
    """This worker is stopping: leave the job to another."""
    job = Job.objects.filter(pk=job_id, state=JobState.QUEUED).without_live_children().first()
    if job is not None:
        send_message(job)


def _attempt(job: Job) -> None:
    """Run the handler and turn whatever comes of it into a state."""
    try:
        with Lease(job) as lease:
            _work(job, lease)
    except LeaseLost:
        raise
    except JobCancelled:
        finish(job, JobState.CANCELLED, code="cancelled", error="Cancelled while it ran.")
    except JobInterrupted:
        log.info("job_interrupted")
        interrupt(job)
    except DomainError as refusal:
        finish(job, JobState.FAILED, code=refusal.code, error=refusal.detail)
    except ChildCrashed as crashed:
        crash(job, code="child_crashed", error=str(crashed))
    except UnknownKind as error:
        finish(job, JobState.FAILED, code="unknown_kind", error=str(error))
    except Exception as error:
        _end_by_error(job, error)
    job.refresh_from_db()
    remove_old_folders(job)


def _end_by_error(job: Job, error: Exception) -> None:
    """What nobody expected is tried again; on a full disk that would only fill it again."""
    log.exception("job_handler_raised")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        finish(job, JobState.FAILED, code="disk_full", error=DISK_FULL)
        return
    crash(job, code="unexpected_error", error=f"An unexpected error ({type(error).__name__}); see the log.")


def _work(job: Job, lease: Lease) -> None:
    handler = cast(Handler, load(kind_of(job.kind).handler))
    shards = job.children.count()
    context = JobContext(job, lease, make_work_folder(job), shards=shards)
    result = handler(context)
    if job.is_finished:
        return  # by `commit(finish_with=…)`
    context.flush(force=True)
    if not await_shards(job, known=shards):
        finish(job, JobState.SUCCEEDED, result=result or {})
