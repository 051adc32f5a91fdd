"""What the workers run for annotation."""

from __future__ import annotations

from typing import Any

from annotation.export.package import DamagedImageError, write_package
from annotation.models import Export
from annotation.services import exporting
from annotation.services.releases import release_of
from synthlab.core.exceptions import Conflict
from synthlab.core.files import path_of
from synthlab.core.job_context import JobContext
from synthlab.core.models import Job


def run_export(context: JobContext) -> dict[str, Any]:
    """Write a signed snapshot as one archive and store it."""
    rows = Export.objects.select_related(
        "snapshot__study__schema",
        "snapshot__image_set__dataset",
        "snapshot__evaluation__image_set",
        "requested_by",
    )
    export = rows.get(pk=context.job.subject_pk)
    exporting.mark_running(context=context, export=export)
    exporting.refuse_real_images(export.snapshot)
    archive = context.work_dir / "export.zip"
    try:
        write_package(
            release_of(export.snapshot, context.work_dir / "members.jsonl"),
            format=export.format,
            options=export.options,
            image_path=path_of,
            target=archive,
            on_progress=lambda done, total: _tell(context, done, total),
        )
    except FileNotFoundError as error:  # whose own words would tell where our files lie
        raise Conflict(
            "export_damaged", "The export was stopped: the stored file of an image is missing."
        ) from error
    except ImportError as error:  # the worker may be another machine than the one that took the request
        raise Conflict(
            "format_unavailable",
            "The worker lacks a package that this format needs. Tell your administrator.",
        ) from error
    except (DamagedImageError, ValueError) as error:
        raise Conflict("export_damaged", f"The export was stopped: {error}.") from error
    return exporting.complete_export(context=context, export=export, archive=archive)


def _tell(context: JobContext, done: int, total: int) -> None:
    context.check()
    context.progress("writing", done, total)


def requeue_export(job: Job) -> None:
    exporting.requeue_export(job)


def end_export(job: Job) -> None:
    exporting.end_export(job)
