"""Which pixels a region covers, for writing segmentations and for checking them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from annotation.geometry import Point, Shape, raster


def covered_regions(shapes: Sequence[Shape], width: int, height: int) -> list[tuple[int, NDArray[np.bool_]]]:
    """Place and mask (height, width) of every shape that covers at least one pixel centre, in their order."""
    drawn = (
        (place, raster(shape, width=width, height=height))
        for place, shape in enumerate(shapes)
        if not isinstance(shape, Point)
    )
    return [(place, mask) for place, mask in drawn if mask.any()]
