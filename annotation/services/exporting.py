"""Exports: one rendering of a signed snapshot in one format, made by a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation.export.registry import FORMATS
from annotation.models import Export, ExportState, Snapshot
from annotation.services.access import require_manager
from annotation.services.snapshots import refuse_real_pixels
from generation.models import SyntheticImage
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.files import store_files
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job, JobState

JOB_KIND = "export"


@transaction.atomic
def request_export(*, actor: User, snapshot: Snapshot, format: str = "coco") -> Export:
    """Queue the rendering of a signed snapshot.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: The format is unknown.
        Conflict: The snapshot is not signed.
    """
    require_manager(actor, snapshot.study)
    if format not in FORMATS:
        raise InvalidInput("format_unknown", f"format: Expected one of {', '.join(sorted(FORMATS))}.")
    if not snapshot.is_signed:
        raise Conflict("snapshot_unsigned", "Only a signed snapshot can be exported. Sign it first.")
    export = Export.objects.create(snapshot=snapshot, requested_by=actor, format=format)
    export.job = enqueue_job(JOB_KIND, actor=actor, subject=export)
    export.save(update_fields=["job"])
    record_event(
        chain=study_chain(snapshot.study),
        actor=actor,
        action="export.requested",
        target=export,
        facts={"snapshot": str(snapshot.pk), "digest": snapshot.digest, "format": format},
    )
    return export


def mark_running(*, context: JobContext, export: Export) -> None:
    """Anything but succeeded → running: queued, after a crash, or after a failed one was queued again."""
    with context.commit():
        Export.objects.filter(pk=export.pk).exclude(state=ExportState.SUCCEEDED).update(
            state=ExportState.RUNNING, completed_at=None
        )


def refuse_real_images(snapshot: Snapshot) -> None:
    """The last look before the pixels leave: none of them may be a real image's.

    Raises:
        Conflict: One is.
    """
    images = SyntheticImage.objects.filter(snapshot_items__snapshot=snapshot)
    refuse_real_pixels(list(images.only("digest", "pixel_digest")))


def complete_export(*, context: JobContext, export: Export, archive: Path) -> dict[str, Any]:
    """Store the finished archive; the export and its job succeed in one transaction."""
    stored = store_files([archive])[0]
    result = {"digest": stored.digest, "size": stored.size}
    with context.commit(finish_with=result):
        done = Export.objects.filter(pk=export.pk, state=ExportState.RUNNING).update(
            state=ExportState.SUCCEEDED, digest=stored.digest, size=stored.size, completed_at=timezone.now()
        )
        if done != 1:
            raise Conflict("export_state", "The export is not running any more.")
        record_event(
            chain=study_chain(export.snapshot.study),
            actor=export.requested_by,
            action="export.succeeded",
            target=export,
            facts={"digest": stored.digest, "size": stored.size, "format": export.format},
        )
    return result


def requeue_export(job: Job) -> None:
    """A failed export may be tried again by whoever may ask for one.

    Raises:
        NotAllowed: Who asked for it does not manage the study any more.
    """
    export = Export.objects.select_related("snapshot__study").get(pk=job.subject_pk)
    if job.requested_by is not None:
        require_manager(job.requested_by, export.snapshot.study)


def end_export(job: Job) -> None:
    """The job ended without success: the export says so."""
    state = ExportState.CANCELLED if job.state == JobState.CANCELLED else ExportState.FAILED
    rows = Export.objects.filter(pk=job.subject_pk, state__in=(ExportState.QUEUED, ExportState.RUNNING))
    rows.update(state=state, completed_at=timezone.now())
