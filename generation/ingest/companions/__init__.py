"""Files of an upload that say something about its pictures: tables of class and patient, boxes in VOC or COCO.

They are read before any picture. Joining them needs the names of files: those inside a zip are known here, in memory;
those of loose files the sender tells, for this purpose only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generation.ingest.companions.join import Companions, join, unusable_boxes
from generation.ingest.companions.scan import list_upload
from generation.ingest.guard import NO_WATCH, Watch
from generation.ingest.limits import Limits
from generation.ingest.options import StagedFile

__all__ = ["Companions", "read_companions", "unusable_boxes"]


def read_companions(
    files: Sequence[StagedFile], names: Mapping[str, str], limits: Limits, watch: Watch = NO_WATCH
) -> Companions:
    """Find and read the companions of an upload.

    Args:
        files: the upload.
        names: place → name of files of their own, where the sender told them.
        limits: ceilings.
        watch: told of every file before it is read.
    """
    listing = list_upload(files, names, limits, watch)
    return join(listing, limits, watch) if listing.companions else Companions()
