"""The sweep: finds what fell between the chairs and puts it back, every few seconds."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from synthlab.core.files import clear_pending
from synthlab.core.job_kinds import UnknownKind, kind_of, load
from synthlab.core.job_states import LeaseLost, crash, lock_parent
from synthlab.core.job_work import remove_old_folders
from synthlab.core.jobs import send_message, unheard
from synthlab.core.models import Job, JobState
from synthlab.core.uploads import clear_abandoned, clear_staging, remove_staging_folder, staged_owners
from synthlab.logs import get_logger

log = get_logger(__name__)

_PENDING_SECONDS = 24 * 3600


@dataclass(frozen=True)
class SweepReport:
    """What a sweep did, in numbers of jobs and folders."""

    requeued: int = 0
    ended: int = 0
    resent: int = 0
    folders: int = 0

    @property
    def did_something(self) -> bool:
        """Whether there was anything to put right."""
        return any((self.requeued, self.ended, self.resent))


def sweep() -> SweepReport:
    """See `jobs.sweep_jobs`. Two sweeps at once do no harm."""
    states = [state for state in map(_release, _lost()) if state is not None]
    requeued = sum(state == JobState.QUEUED for state in states)
    report = SweepReport(
        requeued=requeued,
        ended=len(states) - requeued,
        resent=_send_again(),
        folders=_tidy(),
    )
    clear_pending(time.time() - _PENDING_SECONDS)
    _clear_ended_uploads()
    if report.did_something:
        log.info("jobs_swept", requeued=report.requeued, ended=report.ended, resent=report.resent)
    return report


def quiet_lanes(seconds: float) -> set[str]:
    """Lanes in which a job has waited for so long although none has shown a sign of life in that time."""
    since = Now() - timedelta(seconds=seconds)
    waiting = Job.objects.filter(state=JobState.QUEUED, created_at__lt=since).without_live_children()
    lively = Job.objects.filter(heartbeat_at__gt=since).values_list("lane", flat=True)
    return set(waiting.values_list("lane", flat=True).distinct()) - set(lively)


def clear_uploads() -> int:
    """At start-up: empty the staging folder but for the uploads of jobs that still wait for them."""
    subjects = Job.objects.live().values_list("subject_id", flat=True)
    return clear_staging(keep=[subject for subject in subjects if subject is not None])


def _clear_ended_uploads() -> None:
    """Raw uploads go with their job, also where the worker died after its last commit and could not remove them."""
    unknown = []
    for owner in staged_owners():
        jobs = Job.objects.filter(subject_id=owner)
        if not jobs.exists():
            unknown.append(owner)  # a request that is still at work, or that was killed
        elif not jobs.live().exists():
            remove_staging_folder(owner)
    clear_abandoned(time.time() - _PENDING_SECONDS, unknown)


def _lost() -> list[Job]:
    return list(Job.objects.lease_lost())


def _release(job: Job) -> JobState | None:
    try:
        with transaction.atomic():
            lock_parent(job)
            # Looked at again under its lock: the worker may have come back in the last moment.
            lost = Job.objects.select_for_update(no_key=True).lease_lost()
            if not lost.filter(pk=job.pk, fence=job.fence).exists():
                return None
            return crash(job, code="worker_lost", error="Its worker died or stopped answering.")
    except LeaseLost:
        return None


def _send_again() -> int:
    sent = 0
    for job in unheard(settings.JOB_LEASE_SECONDS):
        with transaction.atomic():
            if unheard(settings.JOB_LEASE_SECONDS).select_for_update(no_key=True).filter(pk=job.pk).exists():
                send_message(job)
                sent += 1
    return sent


def _tidy() -> int:
    """Remove work folders that nobody needs; returns how many."""
    root = Path(settings.WORK_ROOT)
    removed = 0
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            job = Job.objects.filter(pk=uuid.UUID(folder.name)).first()
        except ValueError:
            continue
        if job is None or _is_stale(job):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        elif job.state != JobState.QUEUED:
            removed += remove_old_folders(job)
    return removed


def _is_stale(job: Job) -> bool:
    """Whether even the checkpoint of a job that ended without success has been kept long enough."""
    kept = timedelta(days=settings.JOB_CHECKPOINT_DAYS)
    return Job.objects.filter(pk=job.pk, finished_at__lt=Now() - kept).exists() and not _is_needed(job)


def _is_needed(job: Job) -> bool:
    try:
        asked = kind_of(job.kind).is_needed
    except UnknownKind:
        return False
    return bool(asked and cast(Callable[[Job], bool], load(asked))(job))
