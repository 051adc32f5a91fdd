"""Erasing what was withdrawn: features, files and thumbnails, in this order, as often as it takes.

The rows come first: from their commit on nobody is shown the images. The files follow in a job, so a disk that refuses, a
worker that dies, or a power cut only delays them; the job is tried again, and `synthlab check` names what is left.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from django.utils import timezone

from generation.models import SourceImage, Withdrawal
from synthlab.core import erasure
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.files import delete_digest, path_of
from synthlab.core.invariants import named_digests
from synthlab.core.job_context import JobContext
from synthlab.core.job_work import job_folder
from synthlab.core.kill_points import kill_point
from synthlab.core.models import Job, JobState

_CHUNK = 500


def erase_withdrawn(*, context: JobContext, withdrawal: Withdrawal) -> None:
    """Erase all that is left of a withdrawal's images, and end the job."""
    total = withdrawal.images.count()
    while images := list(withdrawal.images.filter(erased_at=None).order_by("pk")[:_CHUNK]):
        _forget_features(images)
        with context.commit():
            remove_files({d for image in images for d in (image.digest, image.thumbnail_digest) if d})
            kill_point("withdrawal.files_removed")
            SourceImage.objects.filter(pk__in=[image.pk for image in images]).update(erased_at=timezone.now())
        context.progress("erasing", withdrawal.images.exclude(erased_at=None).count(), total)
    _remove_work_folders(withdrawal)
    with context.commit(finish_with={"images": total}):
        remove_files(set(context.job.payload.get("digests", [])))
        record_event(
            chain=dataset_chain(withdrawal.dataset),
            actor=None,
            action="images.erased",
            target=withdrawal,
            facts={"images": total},
        )


def _forget_features(images: Sequence[SourceImage]) -> None:
    """Before the files go, because features are found by pixels. Pixels that another data set has keep theirs."""
    present = SourceImage.objects.present().filter(pixel_digest__in=[image.pixel_digest for image in images])
    shared = set(present.values_list("pixel_digest", flat=True))
    paths = [path_of(image.digest) for image in images if image.pixel_digest not in shared]
    erasure.forget([path for path in paths if path.is_file()])


def remove_files(digests: Collection[str]) -> None:
    """Remove files, but for those that some other row names, in this or any other data set.

    An upload stores its files before its rows. Its job is locked here, as it is by its own last commit, so that no row
    can come to name a file between the look and the removal.
    """
    if not digests:
        return
    uploads = Job.objects.select_for_update(no_key=True).filter(kind="ingest", state=JobState.RUNNING)
    list(uploads.order_by("pk").values_list("pk"))
    named = {digest for _, digest in named_digests() if digest in digests}
    for digest in sorted(set(digests) - named):
        delete_digest(digest)


def _remove_work_folders(withdrawal: Withdrawal) -> None:
    """Copies that the reading of the upload may have left behind."""
    jobs = Job.objects.filter(
        pk__in=withdrawal.images.exclude(ingest__job=None).values("ingest__job"), finished_at__isnull=False
    )
    for job in jobs:
        folder: Path = job_folder(job)
        shutil.rmtree(folder, ignore_errors=True)
