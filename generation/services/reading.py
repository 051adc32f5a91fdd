"""The reading child, started again without the file that ended it."""

from __future__ import annotations

import shutil
from typing import Any

from generation.ingest.options import READING_NOTE
from synthlab.core.children import ChildCrashed
from synthlab.core.job_context import JobContext

MOST_CRASHES = 5


def read_upload(*, context: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
    """Read an upload in a child process; a file that ends the process costs itself and not the upload.

    The child notes each place before it decodes it. Where it dies all the same (a fault in a decoder, or one that
    does not come to an end), the noted place is refused and the reading starts anew, a few times at most.

    Args:
        context: The running job.
        spec: What the child is told; see `generation.ingest.run.ingest`.

    Raises:
        ChildCrashed: It died where no file was being read, or too often.
    """
    avoid: list[str] = []
    while True:
        try:
            return context.run_child("generation.ingest", "ingest", {**spec, "avoid": avoid})
        except ChildCrashed as crash:
            place = _place_of_death(context)
            if not place or place in avoid or len(avoid) == MOST_CRASHES:
                raise
            context.log(f"Reading place {place} ended the process: {crash} It is left out.")
            avoid.append(place)


def _place_of_death(context: JobContext) -> str:
    """The place that was being read; empty where none was. What was written of the attempt goes."""
    note = context.work_dir / READING_NOTE
    place = note.read_text() if note.exists() else ""
    for folder in ("images", "thumbs", "scratch"):
        shutil.rmtree(context.work_dir / folder, ignore_errors=True)
    return place
