"""What must always be true of jobs, stored files and the audit."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Q

from synthlab.core.audit import chain_names, verify_chain
from synthlab.core.checks import missing_audit_triggers
from synthlab.core.files import digest_of, path_of
from synthlab.core.invariants import invariant, named_digests
from synthlab.core.models import LIVE_JOB_STATES, TERMINAL_JOB_STATES, Job, JobState


@invariant("an ended job has no live shard")
def ended_jobs_with_live_shards() -> Iterator[str]:
    """Shards that go on after their parent has ended; those asked to stop may take a moment."""
    shards = Job.objects.filter(state__in=LIVE_JOB_STATES, parent__state__in=TERMINAL_JOB_STATES)
    for pk in shards.filter(Q(state=JobState.QUEUED) | Q(cancel_requested_at=None)).values_list(
        "pk", flat=True
    ):
        yield f"job {pk}"


@invariant("a succeeded job has only succeeded shards")
def succeeded_jobs_with_broken_shards() -> Iterator[str]:
    """Parents that count as done though a part is not."""
    shards = Job.objects.filter(parent__state=JobState.SUCCEEDED).exclude(state=JobState.SUCCEEDED)
    for pk in shards.values_list("pk", flat=True):
        yield f"job {pk}"


@invariant("a job has begun before it ended, and was claimed at least as often as it was tried")
def impossible_jobs() -> Iterator[str]:
    """Jobs whose times or counts contradict each other."""
    impossible = Q(finished_at__lt=F("started_at")) | Q(attempt__gt=F("fence"))
    unclaimed = Q(state__in=(JobState.RUNNING, JobState.SUCCEEDED, JobState.DEAD), fence=0)
    for pk in Job.objects.filter(impossible | unclaimed).values_list("pk", flat=True):
        yield f"job {pk}"


@invariant("every file that a row names is stored")
def missing_files() -> Iterator[str]:
    """Rows whose file is not there."""
    for source, digest in named_digests():
        if not path_of(digest).is_file():
            yield f"{source}: {digest}"


@invariant("every stored file holds the bytes of its name")
def changed_files() -> Iterator[str]:
    """Files whose bytes are not those of their digest. Reads every file that a row names."""
    for digest in sorted({digest for _, digest in named_digests()}):
        path = path_of(digest)
        if path.is_file() and digest_of(path).digest != digest:
            yield digest


@invariant("every audit chain is whole")
def broken_chains() -> Iterator[str]:
    """Chains with an event changed, removed or put in between."""
    for name in chain_names():
        for problem in verify_chain(name).problems:
            yield f"{name}: {problem}"


@invariant("the database refuses to change the audit")
def unguarded_audit() -> Iterator[str]:
    """Triggers that somebody removed."""
    yield from missing_audit_triggers()
