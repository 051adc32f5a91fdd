"""Uploads: staged, handed to the ingest child, and turned into groups and images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generation.models import Dataset, Group, Ingest, SourceImage
from generation.services.access import require_owner
from generation.services.manifests import dataset_digest
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.files import StoredFile, store_files
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job

MAX_FILES = 10_000


def staging_folder(ingest: Ingest) -> Path:
    """Where the raw upload lies until its job ends; never backed up, emptied at start-up."""
    return Path(settings.STAGING_ROOT) / str(ingest.pk)


@transaction.atomic
def start_ingest(
    *, actor: User, dataset: Dataset, uploads: Sequence[Path], options: dict[str, Any]
) -> Ingest:
    """Queue an upload for reading. The staged files are moved; their names were never kept.

    Args:
        actor: The owner of the data set.
        dataset: An empty data set.
        uploads: Staged files in the order of the upload; a file's place is its only name from here on.
        options: See `generation.ingest`: tile, image_size, channels, classes, groups, split, drop_duplicates.

    Raises:
        NotAllowed: The actor is not the owner.
        Conflict: The data set holds images already, or an upload is being read.
        InvalidInput: No file was sent, or too many.
    """
    require_owner(actor, dataset)
    if not uploads:
        raise InvalidInput("no_files", "The upload held no file. Nothing was changed.")
    if len(uploads) > MAX_FILES:
        raise InvalidInput("too_many_files", f"At most {MAX_FILES} files in one upload; send a zip instead.")
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    if dataset.images.exists() or dataset.ingests.filter(job__in=Job.objects.live()).exists():
        raise Conflict(
            "dataset_not_empty",
            "This data set has its images already; its split must not shift under trained generators. "
            "Make a new data set for a new upload.",
        )
    ingest = Ingest.objects.create(
        dataset=dataset, requested_by=actor, options=options, file_count=len(uploads)
    )
    ingest.job = enqueue_job("ingest", actor=actor, subject=ingest)
    ingest.save(update_fields=["job"])
    _stage(ingest, uploads)
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="ingest.started",
        target=ingest,
        facts={"files": len(uploads), "options": options},
    )
    return ingest


def _stage(ingest: Ingest, uploads: Sequence[Path]) -> None:
    folder = staging_folder(ingest)
    folder.mkdir(parents=True, mode=0o700)
    for ordinal, path in enumerate(uploads):
        shutil.move(path, folder / str(ordinal))


def ingest_spec(ingest: Ingest) -> dict[str, Any]:
    """What the ingest child is told."""
    folder = staging_folder(ingest)
    files = [{"ordinal": n, "path": str(folder / str(n))} for n in range(ingest.file_count)]
    return {"source": str(folder), "files": files, "options": ingest.options}


def complete_ingest(*, context: JobContext, ingest: Ingest, result: dict[str, Any]) -> Ingest:
    """Keep what the child accepted: files first, then every row in one transaction."""
    work = context.work_dir
    accepted = list(_lines(work / "accepted.jsonl"))
    rejected = list(_lines(work / "rejected.jsonl"))
    stored = store_files([work / row["file"] for row in accepted])
    thumbnails = store_files([work / row["thumb"] for row in accepted])
    with context.commit():
        _create_images(ingest, accepted, stored, thumbnails)
        ingest.accepted_count, ingest.rejected_count = len(accepted), len(rejected)
        ingest.rejections = rejected
        ingest.deidentification = result["deidentification"]
        ingest.completed_at = timezone.now()
        ingest.save()
        _describe_dataset(ingest.dataset, accepted, result)
        record_event(
            chain=dataset_chain(ingest.dataset),
            actor=ingest.requested_by,
            action="ingest.completed",
            target=ingest,
            facts={
                "accepted": len(accepted),
                "rejected": len(rejected),
                "manifest_digest": ingest.dataset.manifest_digest,
            },
        )
    clear_staging(ingest)
    return ingest


def clear_staging(ingest: Ingest) -> None:
    """Remove the raw upload for good."""
    shutil.rmtree(staging_folder(ingest), ignore_errors=True)


def _lines(path: Path) -> Iterable[dict[str, Any]]:
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
                ordinal=str(row["ordinal"]),
                digest=file.digest,
                pixel_digest=row["pixel_digest"],
                thumbnail_digest=thumbnail.digest,
                size=file.size,
                width=row["width"],
                height=row["height"],
                channels=row["channels"],
                class_key=row["class"] or "",
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
    dataset.save()
