"""Whether a picture shows anything: flatness rejects, a lack of sharpness only asks for a look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BLANK_RANGE = 6 / 255
"""Below this spread between the 1st and the 99th percentile of brightness a picture counts as blank."""

BLURRED_SHARE = 0.1
"""Below this share of the data set's median sharpness a picture is flagged."""

_ENOUGH_TO_COMPARE = 8


def is_blank(grey: NDArray[np.float32]) -> bool:
    """Whether nearly all pixels have one value.

    Args:
        grey: (h, w), 0 … 1.
    """
    low, high = np.percentile(grey, (1, 99))
    return bool(high - low < BLANK_RANGE)


def sharpness(grey: NDArray[np.float32]) -> float:
    """Variance of the Laplacian over the variance of the picture: small when only coarse shapes are left.

    Args:
        grey: (h, w), 0 … 1.
    """
    return float(ndimage.laplace(grey).var() / max(float(grey.var()), 1e-12))


def blurred(values: Sequence[float]) -> list[bool]:
    """Which pictures are far less sharp than is usual here. What is usual differs by modality, so it is measured.

    Args:
        values: `sharpness` of each picture; fewer than eight are not compared.
    """
    if len(values) < _ENOUGH_TO_COMPARE:
        return [False] * len(values)
    usual = float(np.median(values))
    return [value < BLURRED_SHARE * usual for value in values]
