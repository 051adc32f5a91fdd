"""Uploads: handed to the ingest child, and turned into groups and images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from generation.child import BadInput
from generation.ingest.options import parse_spec
from generation.models import Dataset, Group, Ingest, Rejection, SourceImage
from generation.services import staging
from generation.services.access import require_owner
from generation.services.manifests import dataset_digest
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.files import StoredFile, store_files
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job
from synthlab.core.uploads import remove_staging_folder

# What is kept of a refusal: the place and why. Pixels of what was refused are not.
_REFUSAL = ("ordinal", "code", "detail")


@transaction.atomic
def start_ingest(
    *, actor: User, dataset: Dataset, upload: staging.StagedUpload, options: dict[str, Any]
) -> Ingest:
    """Queue a staged upload for reading.

    Args:
        actor: The owner of the data set.
        dataset: A data set without images.
        upload: What `staging.staged` moved into place; call this inside its block.
        options: See `generation.ingest`: tile, image_size, channels, classes, groups, split, drop_duplicates. The
            values of `groups` may name patients: they go beside the upload, and with it.

    Raises:
        NotAllowed: The actor is not the owner.
        Conflict: The data set holds images already, or an upload is being read.
        InvalidInput: An option out of range, shares that do not add up.
    """
    require_owner(actor, dataset)
    _check(options)
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    _require_empty(dataset)
    groups = options.get("groups") or {}
    kept = {name: value for name, value in options.items() if name != "groups"}
    if groups:
        staging.keep_groups(upload, groups)
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
        facts={"files": upload.file_count, "grouped_places": len(groups), **_plain(kept)},
    )
    return ingest


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """The options for the audit: the user's own words for classes stay out of what cannot be erased."""
    settings = {name: value for name, value in options.items() if name != "classes"}
    return {"options": settings, "classed_places": len(options.get("classes") or {})}


def _check(options: dict[str, Any]) -> None:
    """By the rules of the child itself, before anything is moved or queued."""
    try:
        parse_spec({"work": ".", "files": [{"ordinal": 0, "path": "0"}], "options": options})
    except BadInput as error:
        raise InvalidInput(error.code, error.detail) from error


def _require_empty(dataset: Dataset) -> None:
    if dataset.images.exists() or dataset.ingests.filter(job__in=Job.objects.live()).exists():
        raise Conflict(
            "dataset_not_empty",
            "This data set has its images already, or is reading them; its split must not shift under trained "
            "generators. Make a new data set for a new upload.",
        )


def ingest_spec(ingest: Ingest) -> dict[str, Any]:
    """What the ingest child is told.

    Raises:
        Conflict: The upload is gone, as after a job that failed, or other images have come since.
    """
    folder = staging.folder_of(ingest)
    if not folder.is_dir():
        raise Conflict("upload_gone", "The upload was removed when its job ended. Send the files again.")
    if ingest.dataset.images.exists():
        raise Conflict("dataset_not_empty", "The data set has got its images from another upload meanwhile.")
    files = [{"ordinal": n, "path": str(staging.file_path(folder, n))} for n in range(ingest.file_count)]
    secrets = {"groups": staging.read_groups(ingest), "group_salt": staging.group_salt(ingest.dataset)}
    return {"files": files, "options": {**ingest.options, **secrets}}


def complete_ingest(*, context: JobContext, ingest: Ingest, result: dict[str, Any]) -> Ingest:
    """Keep what the child accepted: files first, then every row in the transaction that ends the job.

    Raises:
        InvalidInput: Nothing was accepted. The reasons are kept on the ingest; the data set stays as it was.
    """
    accepted = list(_lines(Path(result["accepted"])))
    ingest.accepted_count = len(accepted)
    refused = [{name: row[name] for name in _REFUSAL} for row in _lines(Path(result["rejected"]))]
    ingest.rejected_count = len(refused)
    ingest.deidentification = result["deidentification"]
    ingest.completed_at = timezone.now()
    if not accepted:
        with context.commit():
            ingest.save()
            _create_rejections(ingest, refused)
        raise _nothing_accepted(refused)
    work = context.work_dir
    stored = store_files([work / row["file"] for row in accepted])
    thumbnails = store_files([work / row["thumb"] for row in accepted])
    counts = {"accepted": ingest.accepted_count, "rejected": ingest.rejected_count}
    with context.commit(finish_with=counts):
        ingest.save()
        _create_rejections(ingest, refused)
        _create_images(ingest, accepted, stored, thumbnails)
        _describe_dataset(ingest.dataset, accepted, result)
        record_event(
            chain=dataset_chain(ingest.dataset),
            actor=ingest.requested_by,
            action="ingest.completed",
            target=ingest,
            facts={**counts, "manifest_digest": ingest.dataset.manifest_digest},
        )
    remove_staging_folder(ingest.pk)
    return ingest


def _create_rejections(ingest: Ingest, refused: Sequence[dict[str, Any]]) -> None:
    ingest.rejections.all().delete()  # of an attempt whose end was never heard of
    Rejection.objects.bulk_create((Rejection(ingest=ingest, **row) for row in refused), batch_size=500)


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


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _create_images(
    ingest: Ingest,
    accepted: Sequence[dict[str, Any]],
    stored: Sequence[StoredFile],
    thumbnails: Sequence[StoredFile],
) -> None:
    splits = {row["group_key"]: row["split"] for row in accepted}
    groups = {
        group.key: group
        for group in Group.objects.bulk_create(
            Group(dataset=ingest.dataset, key=key, split=split) for key, split in splits.items()
        )
    }
    SourceImage.objects.bulk_create(
        (
            SourceImage(
                dataset=ingest.dataset,
                group=groups[row["group_key"]],
                ingest=ingest,
                ordinal=row["ordinal"],
                digest=file.digest,
                pixel_digest=row["pixel_digest"],
                thumbnail_digest=thumbnail.digest,
                size=file.size,
                width=row["width"],
                height=row["height"],
                channels=row["channels"],
                bits=row["bits"],
                class_key=row["class"] or "",
                flags=row["flags"],
                source=row["source"],
            )
            for row, file, thumbnail in zip(accepted, stored, thumbnails, strict=True)
        ),
        batch_size=500,
    )


def _describe_dataset(dataset: Dataset, accepted: Sequence[dict[str, Any]], result: dict[str, Any]) -> None:
    sizes = {(row["width"], row["height"], row["channels"]) for row in accepted}
    if len(sizes) == 1:
        width, height, dataset.channels = sizes.pop()
        dataset.image_size = width if width == height else None
    keys = sorted({row["class"] for row in accepted if row["class"]})
    dataset.classes = [{"key": key, "title": key} for key in keys]
    dataset.data_sheet = result["datasheet"]
    dataset.manifest_digest = dataset_digest(dataset)
    dataset.save(update_fields=["channels", "image_size", "classes", "data_sheet", "manifest_digest"])
