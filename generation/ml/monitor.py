"""A cheap watch on quality while training: kernel distance between generated images and a monitor slice.

The features come from pixels alone (a fixed bank of random filters at three scales), so the number needs no download, is
not contaminated by what the report uses later, and is only good for comparing steps of one run with each other. It is
called ``monitor_kid_pixels`` so that nobody mistakes it for KID on a trained extractor.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FILTERS = 48
SCALES = 3
SMALLEST = 8  # px: below, a 5 px filter sees nothing but the whole picture


class PixelMonitor:
    """Compares generated images with a fixed reference.

    Args:
        reference: (m, c, h, w) in [-1, 1], the monitor slice.
    """

    def __init__(self, reference: Tensor) -> None:
        rng = torch.Generator().manual_seed(20_151_106)
        bank = torch.randn(FILTERS, reference.shape[1], 5, 5, generator=rng)
        # Half of the filters see only texture (zero mean), half see colour and brightness too.
        bank[: FILTERS // 2] -= bank[: FILTERS // 2].mean(dim=(1, 2, 3), keepdim=True)
        self._bank = (bank / bank.flatten(1).norm(dim=1)[:, None, None, None]).to(reference)
        raw = self._describe(reference)
        self._mean, self._scale = raw.mean(dim=0), raw.std(dim=0) + 1e-4
        self._reference = self._features(reference)

    def distance(self, images: Tensor) -> float:
        """Unbiased squared maximum mean discrepancy with the cubic kernel (Bińkowski et al. 2018); may be negative.

        Args:
            images: (n, c, h, w) in [-1, 1], n ≥ 2.
        """
        return kernel_distance(self._reference, self._features(images))

    @torch.no_grad()
    def _describe(self, images: Tensor) -> Tensor:
        parts = []
        for scale in range(SCALES):
            if images.shape[-1] < SMALLEST * 2**scale:
                break
            shrunk = functional.avg_pool2d(images, 2**scale) if scale else images
            response = functional.relu(
                functional.conv2d(shrunk, self._bank.to(images.dtype))
            )  # (n, filters, h', w')
            parts += [response.mean(dim=(2, 3)), response.std(dim=(2, 3))]
        return torch.cat(parts, dim=1).double()  # (n, 2 · scales · filters)

    def _features(self, images: Tensor) -> Tensor:
        # Squashed: a few values far outside, usual early on, would drown everything else in the cubic kernel.
        return torch.tanh((self._describe(images) - self._mean) / self._scale / 3)


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """Full-sample U-statistic of MMD² with k(a, b) = (a·b / d + 1)³.

    Args:
        x: (n, d) float64, n ≥ 2.
        y: (m, d) float64, m ≥ 2.
    """
    n, m, d = len(x), len(y), x.shape[1]
    xx, yy, xy = ((a @ b.T / d + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within_x = (xx.sum() - xx.diagonal().sum()) / (n * (n - 1))
    within_y = (yy.sum() - yy.diagonal().sum()) / (m * (m - 1))
    return float(within_x + within_y - 2 * xy.mean())
