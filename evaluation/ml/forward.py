"""Forward passes of one fixed size, so that a feature row cannot depend on how many neighbours it had."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluation.ml.preprocess import Preprocessing

if TYPE_CHECKING:
    import torch


def forward_rows(
    images: npt.NDArray[np.uint8],
    preprocessing: Preprocessing,
    network: Callable[[torch.Tensor], torch.Tensor],
    size: int,
) -> npt.NDArray[np.float32]:
    """Map ``(n, h, w, 3)`` uint8 to ``(n, d)`` float32, always `size` pictures at a time.

    Kernels are chosen by shape: the last pass is filled up with zeros, whose rows are dropped.

    Args:
        images: uint8 pictures.
        preprocessing: what happens before the network, which sees ``(size, 3, side, side)`` in channels_last memory.
        network: gives ``(size, d)``.
        size: pictures to a pass.
    """
    import torch

    side, rows = preprocessing.size, []
    with torch.inference_mode():
        for start in range(0, len(images), size):
            part = preprocessing.apply(images[start : start + size])
            padded = np.zeros((size, side, side, 3), dtype=np.float32)
            padded[: len(part)] = part
            # (n, h, w, 3) in memory seen as (n, 3, h, w) is channels_last already.
            found = network(torch.from_numpy(padded).permute(0, 3, 1, 2))
            rows.append(found[: len(part)].numpy().astype(np.float32, copy=False))
    return np.concatenate(rows)
