"""Rows that every app stands on: jobs, the audit chain, idempotency keys."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from synthlab.core.scopes import AUDIT_SCOPES

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class Identified(models.Model):
    """A row with a public name: a random UUID that tells nothing about order or number."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Lane(models.TextChoices):
    """Which cluster of workers takes a job, so that a training never holds up a thumbnail."""

    SHORT = "short"
    LONG = "long"


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"


LIVE_JOB_STATES = (JobState.QUEUED, JobState.RUNNING)
TERMINAL_JOB_STATES = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.DEAD)
LEAST_PACE_SECONDS = 2.0  # a pace over less than this says nothing


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User) -> JobQuerySet:
        """Jobs a person asked for; an admin sees all."""
        return self if user.is_admin else self.filter(requested_by=user)

    def live(self) -> JobQuerySet:
        return self.filter(state__in=LIVE_JOB_STATES)

    def lease_lost(self) -> JobQuerySet:
        """Running jobs whose worker stopped renewing, by the database's clock."""
        return self.filter(state=JobState.RUNNING, lease_until__lt=Now())

    def unclaimed_for(self, seconds: float) -> JobQuerySet:
        """Jobs that were queued so long ago that their message may have been lost."""
        return self.filter(state=JobState.QUEUED, queued_at__lt=Now() - timedelta(seconds=seconds))

    def without_live_children(self) -> JobQuerySet:
        """Jobs that wait for no shard."""
        shards = Job.objects.filter(parent_id=OuterRef("pk"), state__in=LIVE_JOB_STATES)
        return self.exclude(Exists(shards))


class Job(Identified):
    """One unit of long work; the truth about it (the queue message is only its id).

    `fence` grows with every claim and stands in the WHERE of every write, so a process that came
    back from the dead writes nothing. `attempt` counts claims since the durable `cursor` last moved.
    A job with children runs when all of them have succeeded.
    """

    kind = models.CharField(max_length=40)
    lane = models.CharField(max_length=8, choices=Lane)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.UUIDField(null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="jobs"
    )
    request_id = models.CharField(max_length=64, blank=True)
    payload = models.JSONField(default=dict)

    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    fence = models.PositiveBigIntegerField(default=0)
    cursor = models.JSONField(default=dict)
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(auto_now_add=True)
    message_id = models.PositiveBigIntegerField(null=True, help_text="the queue's row for this job")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    deadline_seconds = models.PositiveIntegerField(null=True)

    phase = models.CharField(max_length=60, blank=True)
    progress_done = models.PositiveBigIntegerField(default=0)
    progress_total = models.PositiveBigIntegerField(default=0)
    paced_at = models.DateTimeField(null=True, help_text="since when this attempt is in its phase")
    paced_done = models.PositiveBigIntegerField(default=0, help_text="how much was done by then")
    facts = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    log_tail = models.TextField(blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["state", "lease_until"], name="job_state_lease"),
            models.Index(fields=["subject_type", "subject_id"], name="job_subject"),
        ]
        constraints = [
            models.CheckConstraint(
                name="job_terminal_iff_finished",
                condition=Q(state__in=TERMINAL_JOB_STATES, finished_at__isnull=False)
                | (~Q(state__in=TERMINAL_JOB_STATES) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="job_done_within_total", condition=Q(progress_done__lte=F("progress_total"))
            ),
            models.CheckConstraint(
                name="job_running_iff_leased",
                condition=Q(state=JobState.RUNNING, lease_until__isnull=False)
                | (~Q(state=JobState.RUNNING) & Q(lease_until__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_finished(self) -> bool:
        return self.state in TERMINAL_JOB_STATES

    @property
    def cancel_requested(self) -> bool:
        return self.cancel_requested_at is not None

    @property
    def eta_seconds(self) -> int | None:
        """How long the phase will still take, by the pace of this attempt; None while nothing can be said.

        Counted up to the last heartbeat, not to now, so that it changes only when the row does.
        """
        if self.is_finished or self.paced_at is None or self.heartbeat_at is None:
            return None
        seconds = (self.heartbeat_at - self.paced_at).total_seconds()
        done = self.progress_done - self.paced_done
        if done <= 0 or seconds < LEAST_PACE_SECONDS:
            return None
        return round(seconds / done * (self.progress_total - self.progress_done))

    @property
    def subject_pk(self) -> uuid.UUID:
        """The id of the row that the job is about, for kinds that always have one."""
        if self.subject_id is None:
            raise LookupError(f"job {self.pk} is about no row")
        return self.subject_id


class AuditChain(models.Model):
    """The head of one hash chain; its row is locked while an event is appended, so no fork."""

    name = models.CharField(max_length=60, primary_key=True)
    sequence = models.PositiveBigIntegerField(default=0)
    head_digest = models.CharField(max_length=64, default="0" * 64)
    salt = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, user: User) -> AuditEventQuerySet:
        """Admins see the whole audit; apps widen this for their own chains."""
        return self if user.is_admin else self.filter(AUDIT_SCOPES.of(user))


class AuditEvent(models.Model):
    """Who did what to what, when and why. Append-only: the database refuses change and removal.

    `facts` is hashed and holds only ids, numbers, codes and salted digests; `personal` (free text,
    names) stands beside the hashed body and can be erased without breaking the chain.
    """

    chain = models.ForeignKey(AuditChain, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="audit_events"
    )
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=40)
    target_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict)
    personal = models.JSONField(default=dict)
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ("chain", "sequence")
        constraints = [models.UniqueConstraint(fields=["chain", "sequence"], name="audit_chain_sequence")]
        indexes = [models.Index(fields=["target_type", "target_id"], name="audit_target")]

    def __str__(self) -> str:
        return f"{self.chain_id} #{self.sequence} {self.action}"


class IdempotencyKey(models.Model):
    """The first answer to a creating request; the same key gets the same answer again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=128)
    endpoint = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    body: models.JSONField[Any, Any] = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_user_key")]

    def __str__(self) -> str:
        return self.key
