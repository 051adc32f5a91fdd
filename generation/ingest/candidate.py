"""An image that was written: on its way to be accepted, or set aside for a person to decide about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from generation.ingest import tiling
from generation.ingest.duplicates import Fingerprint
from generation.ingest.store import StoredImage

MOST_ALIKE = 50
"""Above so many look-alikes nobody keeps track of which of them were taken in."""


@dataclass(slots=True)
class Candidate:
    """An image that was written and has yet to pass the look at all images together.

    Attributes:
        split: the part that the file or its place in a large picture gives.
        full: file of the picture in its full size, where a person has to look closer than the image allows.
        resembles: digests of the images of other groups that it looks like.
    """

    place: str
    stored: StoredImage
    pixel_digest: str
    shape: tuple[int, int, int]  # height, width, channels
    bits: int
    group: str
    label: str | None
    split: str | None
    source: Mapping[str, Any]
    deid: Mapping[str, Any]
    look: Fingerprint = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    sharpness: float = 0.0
    region: tiling.Region | None = None
    flags: list[str] = field(default_factory=list)
    full: str = ""
    resembles: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """The image as a line of ``accepted.jsonl``, without the split that is drawn for its group."""
        height, width, channels = self.shape
        region = self.region
        return {
            "ordinal": self.place,
            "file": self.stored.file,
            "thumb": self.stored.thumb,
            "digest": self.stored.digest,
            "pixel_digest": self.pixel_digest,
            "size": self.stored.size,
            "width": width,
            "height": height,
            "channels": channels,
            "bits": self.bits,
            "group_key": self.group,
            "class": self.label,
            "region": [region.x, region.y, region.width, region.height] if region else None,
            "flags": sorted(self.flags),
            "source": dict(self.source),
            "deid": dict(self.deid),
        }

    def kept_row(self) -> dict[str, Any]:
        """The image as the candidate of a refusal: what is needed to take it in when the upload is gone."""
        return {
            **self.row(),
            "split": self.split,
            "full": self.full,
            "resembles": self.resembles[:MOST_ALIKE],
            "crowded": len(self.resembles) > MOST_ALIKE,
        }
