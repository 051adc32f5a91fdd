"""Work folders: `work/<job>/<fence>/`, one for each attempt, so that two attempts never write the same file."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from django.conf import settings

from synthlab.core.files import OutsideRoot, inside
from synthlab.core.models import Job, JobState


def job_folder(job: Job) -> Path:
    """The folder of all attempts of a job."""
    return inside(Path(settings.WORK_ROOT), str(job.pk))


def make_work_folder(job: Job) -> Path:
    """A fresh folder for this attempt; those of older attempts go, but for the one with the checkpoint."""
    remove_old_folders(job)
    folder = job_folder(job) / str(job.fence)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def remove_old_folders(job: Job) -> int:
    """Remove what attempts before the present one left; returns how many folders went.

    A folder that holds the checkpoint named by the durable cursor stays: the next attempt starts from it.
    """
    home = job_folder(job)
    kept = set() if job.state == JobState.SUCCEEDED else {_checkpoint_fence(job)}
    if not job.is_finished:
        kept.add(str(job.fence))
    paths = _held(home)
    # What is newer than the row that we were given belongs to somebody who claimed the job in the meantime.
    doomed = [path for path in paths if path.name not in kept and not _is_newer(path, job)]
    for path in doomed:
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty, or gone: the sweep and the worker tidy at the same time
        home.rmdir()
    return len(doomed)


def _held(home: Path) -> list[Path]:
    try:
        return list(home.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_newer(path: Path, job: Job) -> bool:
    return path.name.isdecimal() and int(path.name) > job.fence


def _checkpoint_fence(job: Job) -> str:
    """The name of the attempt's folder in which the cursor's `checkpoint` lies, if any."""
    checkpoint = job.cursor.get("checkpoint")
    if not isinstance(checkpoint, str) or not checkpoint:
        return ""
    try:
        path = inside(Path(settings.WORK_ROOT), checkpoint)
        return path.relative_to(job_folder(job)).parts[0]
    except (OutsideRoot, ValueError, IndexError):
        return ""
