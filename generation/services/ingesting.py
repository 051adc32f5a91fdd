"""Uploads: handed to the ingest child, and turned into groups and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from generation.child import BadInput
from generation.ingest.options import parse_spec
from generation.models import Dataset, Ingest, Rejection, SourceImage
from generation.services import staging
from generation.services.access import require_owner
from generation.services.describing import describe_dataset
from generation.services.growth import lock_dataset, require_growable, require_same_form, require_unused
from generation.services.ingest_rows import (
    Report,
    Stored,
    create_images,
    create_rejections,
    note_alike,
    store_report,
)
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.files import path_of
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job
from synthlab.core.uploads import remove_staging_folder


@transaction.atomic
def start_ingest(
    *, actor: User, dataset: Dataset, upload: staging.StagedUpload, options: dict[str, Any]
) -> Ingest:
    """Queue a staged upload for reading.

    Args:
        actor: The owner of the data set.
        dataset: A data set on which nothing was trained yet.
        upload: What lies in the staging folder of the ingest that will have its id.
        options: See `generation.ingest`. The values of `groups` and `names` may name patients: they go beside the
            upload, and with it.

    Raises:
        NotAllowed: The actor is not the owner.
        Conflict: Something was trained on the data set, or an upload is being read.
        InvalidInput: An option out of range, shares that do not add up, a form that the images do not have.
    """
    require_owner(actor, dataset)
    check_options(options)
    dataset = lock_dataset(dataset)
    require_growable(dataset)
    require_same_form(dataset, options)
    secrets = {name: options[name] for name in staging.SECRETS if options.get(name)}
    kept = {name: value for name, value in options.items() if name not in staging.SECRETS}
    staging.keep_secrets(upload, secrets)
    ingest = Ingest.objects.create(
        pk=upload.id, dataset=dataset, requested_by=actor, options=kept, file_count=upload.file_count
    )
    ingest.job = enqueue_job("ingest", actor=actor, subject=ingest)
    ingest.save(update_fields=["job"])
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="ingest.started",
        target=ingest,
        facts={"files": upload.file_count, "grouped_places": len(secrets.get("groups", ())), **_plain(kept)},
    )
    return ingest


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """The options for the audit: the user's own words for classes stay out of what cannot be erased."""
    settings = {name: value for name, value in options.items() if name != "classes"}
    return {"options": settings, "classed_places": len(options.get("classes") or {})}


def check_options(options: dict[str, Any]) -> None:
    """By the rules of the child itself, before anything is moved or queued."""
    try:
        parse_spec({"work": ".", "files": [{"ordinal": 0, "path": "0"}], "options": options})
    except BadInput as error:
        raise InvalidInput(error.code, error.detail) from error


def ingest_spec(ingest: Ingest) -> dict[str, Any]:
    """What the ingest child is told.

    Raises:
        Conflict: The upload is gone, as after a job that failed, or other images have come since.
    """
    folder = staging.folder_of(ingest)
    if not folder.is_dir():
        raise Conflict("upload_gone", "The upload was removed when its job ended. Send the files again.")
    require_unused(ingest.dataset)
    files = [{"ordinal": n, "path": str(staging.file_path(folder, n))} for n in range(ingest.file_count)]
    secrets = {**staging.read_secrets(ingest), "group_salt": staging.group_salt(ingest.dataset)}
    return {"files": files, "options": {**ingest.options, **secrets}, "known": _known(ingest.dataset)}


def _known(dataset: Dataset) -> dict[str, Any]:
    """What the data set holds already: new images must neither repeat it nor part it."""
    images = dataset.images.present().values_list("digest", "group__key")
    waiting = Rejection.objects.kept().filter(ingest__dataset=dataset)
    withdrawn = SourceImage.objects.barred_from(dataset)
    return {
        "images": [_known_image(*row) for row in images.order_by("created_at", "pk")],
        "waiting": [_known_image(row.image_digest, row.candidate["group_key"]) for row in waiting],
        "withdrawn": list(withdrawn.values_list("digest", flat=True)),
        "groups": dict(dataset.groups.values_list("key", "split")),
        "channels": dataset.channels,
    }


def _known_image(digest: str, group: str) -> dict[str, str]:
    return {"path": str(path_of(digest)), "digest": digest, "group_key": group}


def complete_ingest(*, context: JobContext, ingest: Ingest, result: dict[str, Any]) -> Ingest:
    """Keep what the child accepted or set aside: files first, then every row in the transaction that ends the job.

    Raises:
        InvalidInput: Nothing was accepted, and nothing waits for a decision. The reasons are kept on the ingest; the
            data set stays as it was.
        Conflict: A training has begun on the data set meanwhile.
    """
    report = Report.of(result)
    stored = store_report(context.work_dir, report)
    ingest.deidentification = result["deidentification"]
    ingest.completed_at = timezone.now()
    if not report.accepted and not report.waiting:
        with context.commit():
            _keep(ingest, report, stored)
        raise _nothing_accepted(report.refused)
    ingest.facts = {**result["datasheet"], "encoder": result["encoder"]}
    counts: dict[str, int] = {}
    with context.commit(finish_with=counts):
        ingest.dataset = lock_dataset(ingest.dataset)
        require_unused(ingest.dataset)
        withdrawn = SourceImage.objects.barred_from(ingest.dataset).values_list("digest", flat=True)
        report = report.without(set(withdrawn))
        _keep(ingest, report, stored)
        create_images(ingest, report, stored)
        note_alike(ingest.dataset, report.alike)
        describe_dataset(ingest.dataset)
        counts |= {
            "accepted": ingest.accepted_count,
            "rejected": ingest.rejected_count,
            "waiting": report.waiting,
        }
        record_event(
            chain=dataset_chain(ingest.dataset),
            actor=ingest.requested_by,
            action="ingest.completed",
            target=ingest,
            facts={**counts, "manifest_digest": ingest.dataset.manifest_digest},
        )
    remove_staging_folder(ingest.pk)
    return ingest


def _keep(ingest: Ingest, report: Report, stored: Stored) -> None:
    ingest.accepted_count, ingest.rejected_count = len(report.accepted), len(report.refused)
    ingest.save()
    create_rejections(ingest, report.refused, stored)


def _nothing_accepted(refused: Sequence[dict[str, Any]]) -> InvalidInput:
    reasons = list(dict.fromkeys(row["detail"] for row in refused))
    told = " ".join(reasons[:3]) or "The upload held no picture."
    more = f" There are {len(reasons) - 3} further reasons." if len(reasons) > 3 else ""
    return InvalidInput(
        "nothing_accepted",
        f"Nothing in this upload could be used. {told}{more} Upload again when that is mended.",
    )


def end_ingest(job: Job) -> None:
    """The job ended without success: nothing of the upload stays."""
    transaction.on_commit(lambda: remove_staging_folder(job.subject_pk))
