"""Long work: the one door to the queue.

The `Job` row is the truth; a queue message holds nothing but the row's id and is written in the same transaction. What
the worker does with it stands in `job_run`, `job_context`, `job_states` and `job_sweep`, which build on this module and
are therefore imported inside functions here.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import psutil
import structlog
from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django_q.brokers import Broker, get_broker
from django_q.models import OrmQ
from django_q.tasks import async_task

from synthlab.core import stopping
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.job_kinds import JobKind, kind_of, register
from synthlab.core.kill_points import kill_point
from synthlab.core.models import Job, JobQuerySet, Lane

if TYPE_CHECKING:
    from synthlab.accounts.models import User
    from synthlab.core.job_sweep import SweepReport

__all__ = [
    "JobKind",
    "Lane",
    "enqueue_job",
    "execute",
    "kind_of",
    "register",
    "request_cancel",
    "requeue_job",
    "run_cluster",
    "send_message",
    "sweep_jobs",
    "unheard",
]


def enqueue_job(
    kind: str,
    *,
    actor: User | None,
    subject: models.Model | None,
    payload: dict[str, Any] | None = None,
    parent: Job | None = None,
    total: int = 0,
) -> Job:
    """Make a job and send its message, in the caller's transaction.

    A job with children (shards) runs after all of them have succeeded: make the parent and its shards in one
    transaction, and the parent's handler is the step that joins them.

    Args:
        kind: A registered kind.
        actor: Who asked; they and admins see the job.
        subject: The row this is about.
        payload: JSON for the handler: ids and numbers, no text of people.
        parent: The job this is a shard of.
        total: How many steps there will be, where it is known already.

    Raises:
        Conflict: The parent has ended.
        InvalidInput: The parent is itself a shard.
    """
    known = kind_of(kind)
    with transaction.atomic():
        if parent is not None:
            _check_parent(parent)
        job = Job.objects.create(
            kind=kind,
            lane=known.lane,
            parent=parent,
            subject_type=subject._meta.label_lower if subject else "",
            subject_id=subject.pk if subject else None,
            requested_by=actor,
            request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
            payload=payload or {},
            deadline_seconds=known.deadline_seconds,
            progress_total=total,
        )
        kill_point("job.created")
        send_message(job)
        kill_point("job.sent")
    return job


def _check_parent(parent: Job) -> None:
    row = Job.objects.select_for_update(no_key=True).get(pk=parent.pk)
    if row.is_finished:
        raise Conflict("job_finished", "The job has ended; nothing can be added to it.")
    if row.parent_id is not None:
        raise InvalidInput("job_nested", "A shard cannot have shards of its own.")


def request_cancel(*, actor: User | None, job: Job) -> Job:
    """Cancel a job and its shards: at once while they wait, at the next checkpoint while they run.

    The caller has checked that this person may act on the job.

    Raises:
        Conflict: The job has ended.
    """
    from synthlab.core.job_states import cancel

    return cancel(actor=actor, job=job)


def requeue_job(*, actor: User | None, job: Job) -> Job:
    """Queue a failed or dead job again, with its failed shards; it goes on from its durable cursor.

    Raises:
        Conflict: The job is neither failed nor dead.
        DomainError: Its kind refuses, as when its person may no longer use the data set.
    """
    from synthlab.core.job_states import revive

    return revive(actor=actor, job=job)


def execute(job_id: str) -> None:
    """Do one job. What the queue calls; never raises, so that a message is always taken off the queue."""
    from synthlab.core.job_run import run_job

    run_job(job_id)


def sweep_jobs() -> SweepReport:
    """Queue again what lost its worker or its message, and tidy the work folders."""
    from synthlab.core.job_sweep import sweep

    return sweep()


class _Envelope:
    """Stands in for the broker for one message, to learn the number of its row."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.list_key = broker.list_key
        self.message_id: int | None = None

    def enqueue(self, pack: str) -> int | None:
        self.message_id = self._broker.enqueue(pack)
        return self.message_id


def send_message(job: Job) -> None:
    """Put the job's id on its lane's queue, replacing an older message, in the caller's transaction."""
    with transaction.atomic():
        old = Job.objects.filter(pk=job.pk).values_list("message_id", flat=True).first()
        if old is not None:
            OrmQ.objects.filter(pk=old).delete()
        envelope = _Envelope(get_broker(job.lane))
        async_task(
            "synthlab.core.jobs.execute",
            str(job.pk),
            q_options={"task_name": f"{job.kind} {job.pk}", "save": False},
            broker=envelope,
        )
        Job.objects.filter(pk=job.pk).update(message_id=envelope.message_id, queued_at=Now())
        job.message_id = envelope.message_id


def unheard(seconds: float) -> JobQuerySet:
    """Queued jobs whose message is gone, or was taken by a worker that has not begun the job since.

    A message still waiting in the queue is no reason to send another: its turn will come.
    """
    waiting = OrmQ.objects.filter(pk=OuterRef("message_id"), lock__lte=Now())
    return Job.objects.unclaimed_for(seconds).without_live_children().exclude(Exists(waiting))


def run_cluster(stop_seconds: float) -> int:
    """Be the master of this process's lane (`Q_CLUSTER_NAME`) until told to stop.

    The library hangs when a whole process group gets SIGTERM, and waits for running jobs without telling them. So the
    jobs are told first, and what has not stopped after `stop_seconds` is killed.

    Returns:
        The exit status: 0 after a stop that was asked for.
    """
    from django_q.cluster import Cluster

    class Master(Cluster):  # type: ignore[misc]
        """The library's master, with jobs told and an end to its patience."""

        def sig_handler(self, signum: int, frame: object) -> None:
            if stopping.is_stopping():
                return
            stopping.request_stop()
            threading.Thread(target=_end_after, args=(stop_seconds,), daemon=True).start()
            super().sig_handler(signum, frame)

    master = Master()
    master.start()
    while master.sentinel.is_alive():
        master.sentinel.join(1)
    return 0 if stopping.is_stopping() else 1


def _end_after(seconds: float) -> None:
    threading.Event().wait(seconds)
    for process in psutil.Process().children(recursive=True):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    os._exit(1)
