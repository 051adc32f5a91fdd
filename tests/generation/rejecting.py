"""Refused pictures for tests, with the files that are kept of them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.models import Dataset, Rejection
from generation.pixels import pixel_digest
from synthlab.core.files import store_bytes
from tests.generation.factories import picture, png

_numbers = itertools.count(10_000)


def make_rejection(
    dataset: Dataset,
    *,
    code: str = "blank",
    pixels: NDArray[np.uint8] | None = None,
    full: NDArray[np.uint8] | None = None,
    kept: bool = True,
    class_key: str | None = None,
    **candidate: Any,
) -> Rejection:
    """A refusal of the data set's first upload; with `kept`, one that waits for a decision."""
    number = next(_numbers)
    pixels = picture(number) if pixels is None else pixels
    ingest = dataset.ingests.order_by("created_at")[0]
    row = Rejection(ingest=ingest, ordinal=str(number), code=code, detail=f"Refused as {code}.")
    if kept:
        data = png(pixels)
        row.image_digest = store_bytes(data).digest
        row.thumbnail_digest = store_bytes(png(pixels[::2, ::2])).digest
        row.look_digest = store_bytes(png(full)).digest if full is not None else ""
        height, width, *channels = pixels.shape
        row.candidate = {
            "pixel_digest": pixel_digest(pixels),
            "size": len(data),
            "width": width,
            "height": height,
            "channels": channels[0] if channels else 1,
            "bits": 8,
            "class": class_key,
            "group_key": f"i-{number}",
            "split": None,
            "region": None,
            "flags": [],
            "source": {"kind": "png"},
            "resembles": [],
            "crowded": False,
            **candidate,
        }
    row.save()
    return row
