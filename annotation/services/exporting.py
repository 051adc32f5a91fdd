"""Exports: one rendering of a signed snapshot in one format, made by a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from annotation.export.formats import Format, OptionError
from annotation.export.ledger import Tally, tally_schema
from annotation.export.registry import FORMATS
from annotation.models import Export, ExportState, Region, Review, Snapshot
from annotation.services.access import require_manager
from annotation.services.holding import refuse_held
from annotation.services.releases import schema_row
from annotation.services.signing import refuse_unsigned
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
def request_export(
    *, actor: User, snapshot: Snapshot, format: str = "coco", options: Mapping[str, Any] | None = None
) -> Export:
    """Queue the rendering of a signed snapshot.

    Args:
        actor: A manager of the study.
        snapshot: A signed one.
        format: A key of `FORMATS`.
        options: What the format is told; the rest is as its defaults are.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: The format or an option is unknown.
        Conflict: The snapshot is not signed by all who must, a withdrawal holds it, or a package that the format needs is
            not installed.
    """
    require_manager(actor, snapshot.study)
    form, chosen = _check_wish(format, options or {})
    if not form.is_available:
        raise Conflict(
            "format_unavailable",
            f"{form.title} needs the Python package {form.needs}, which is not installed here.",
        )
    refuse_unsigned(snapshot)
    refuse_held(snapshot)
    export = Export.objects.create(snapshot=snapshot, requested_by=actor, format=format, options=chosen)
    export.job = enqueue_job(JOB_KIND, actor=actor, subject=export)
    export.save(update_fields=["job"])
    record_event(
        chain=study_chain(snapshot.study),
        actor=actor,
        action="export.requested",
        target=export,
        facts={
            "snapshot": str(snapshot.pk),
            "digest": snapshot.digest,
            "format": format,
            "options": chosen,
        },
    )
    return export


def _check_wish(key: str, options: Mapping[str, Any]) -> tuple[Format, dict[str, str | int]]:
    form = FORMATS.get(key)
    if form is None:
        raise InvalidInput("format_unknown", f"format: Expected one of {', '.join(sorted(FORMATS))}.")
    try:
        return form, form.check_options(options)
    except OptionError as error:
        raise InvalidInput("option_unknown", f"options.{error.name}: {error.detail}") from error


def describe_formats(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every format, what it can be told, and what it cannot hold of this snapshot."""
    tally = tally_of(snapshot)
    return [
        {
            "key": form.key,
            "title": form.title,
            "summary": form.summary,
            "is_available": form.is_available,
            "options": form.options,
            "losses": [
                {
                    "code": kind.code,
                    "sentence": kind.sentence,
                    "values": kind.count(tally),
                    "only_with": dict([kind.only_with]) if kind.only_with else None,
                }
                for kind in form.losses
            ],
        }
        for form in FORMATS.values()
    ]


def tally_of(snapshot: Snapshot) -> Tally:
    """How many values of each sort a snapshot holds; counted once, as a snapshot never changes."""
    key = f"snapshot-tally-{snapshot.pk}-{snapshot.digest}"
    known = cache.get(key)
    if known is None:
        known = asdict(_count(snapshot))
        cache.set(key, known, timeout=None)
    return Tally(**known)


def _count(snapshot: Snapshot) -> Tally:
    tally = tally_schema(schema_row(snapshot.study.schema))
    answers = snapshot.items.order_by().values("annotation")
    for classes, site, confidence in (
        snapshot.items.order_by()
        .values_list("annotation__classes", "annotation__site", "annotation__confidence")
        .iterator(5000)
    ):
        tally.images += 1
        tally.labels += len(classes)
        tally.extra_labels += max(len(classes) - 1, 0)
        tally.sites += bool(site)
        tally.confidences += confidence is not None
    tally.splits = snapshot.items.exclude(split="").count()
    reviews = Review.objects.filter(annotation__in=answers, created_at__lte=snapshot.created_at)
    tally.reviews = reviews.order_by().values("annotation", "reviewer").distinct().count()
    regions = Region.objects.filter(annotation__in=answers).order_by()
    for kind, count in regions.values_list("kind").annotate(n=Count("pk")):
        tally.add_regions(kind, count)
    return tally


def mark_running(*, context: JobContext, export: Export) -> None:
    """Anything but succeeded → running: queued, after a crash, or after a failed one was queued again."""
    with context.commit():
        Export.objects.filter(pk=export.pk).exclude(state=ExportState.SUCCEEDED).update(
            state=ExportState.RUNNING, completed_at=None
        )


def refuse_real_images(snapshot: Snapshot) -> None:
    """The last look before the pixels leave: none of them may be a real image's, and no withdrawal may hold them.

    Raises:
        Conflict: One is, or one does.
    """
    refuse_held(snapshot)
    images = SyntheticImage.objects.filter(snapshot_items__snapshot=snapshot)
    refuse_real_pixels(list(images.only("digest", "pixel_digest")))


def complete_export(*, context: JobContext, export: Export, archive: Path) -> dict[str, Any]:
    """Store the finished archive; the export and its job succeed in one transaction."""
    stored = store_files([archive])[0]
    result = {"digest": stored.digest, "size": stored.size}
    with context.commit(finish_with=result):
        refuse_held(export.snapshot)  # it may have come while the archive was written
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
