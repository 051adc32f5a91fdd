"""A look at the averaged generator while it trains: a grid at fixed latents, and the monitor's numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.ml.config import TrainConfig
from generation.ml.data import TrainingData, to_bytes, to_unit
from generation.ml.monitor import FEWEST_MONITOR_IMAGES, PixelMonitor
from generation.ml.players import Players
from generation.ml.png import encode_grid
from generation.ml.seeding import image_seed, latents

MONITOR_SAMPLES = 256
# Generated images whose pixels vary less than a quarter as much as real ones do are one picture with noise.
COLLAPSED_BELOW = 0.25


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen.

    Attributes:
        grid_png: PNG of the fixed latents, marked as synthetic.
        metrics: ``diversity_ratio``, and with a monitor slice ``monitor_kid_pixels`` and ``d_overfit_gap``.
        is_collapsed: whether the images hardly differ.
    """

    grid_png: bytes
    metrics: dict[str, float]
    is_collapsed: bool


class Looker:
    """Holds the fixed latents and the monitor; the same looks in every attempt of a run."""

    def __init__(self, config: TrainConfig, data: TrainingData, players: Players) -> None:
        self._config, self._data, self._players = config, data, players
        device = players.device.torch
        standing = config.standing_batches * config.batch_size
        self._standing, self._standing_labels = self._fixed("standing", standing)
        self._fixed_z, self._fixed_labels = self._fixed("samples", max(config.sample_count, MONITOR_SAMPLES))
        # A look must not draw from the run's own stream: that would make looking change the weights.
        some = torch.from_numpy(np.unique(np.linspace(0, len(data.images) - 1, 256).astype(np.int64)))
        self._some_real = to_unit(data.images[some], device)
        self._some_labels = data.labels[some].to(device) if data.classes else None
        self._monitor_images = to_unit(data.monitor, device)
        enough = len(data.monitor) >= FEWEST_MONITOR_IMAGES
        self._monitor = PixelMonitor(self._monitor_images) if enough else None

    def look(self) -> Look:
        """Measure the frozen statistics, sample, compare."""
        config = self._config
        averaged = self._players.averaged
        with self._players.device.autocast():
            averaged.measure_statistics(self._standing, self._standing_labels, config.batch_size)
        images = self._sample()  # (n, c, h, w) in [-1, 1]
        diversity = float(images.std(dim=0).mean() / self._some_real.std(dim=0).mean())
        metrics = {"diversity_ratio": diversity}
        if self._monitor is not None:
            metrics["monitor_kid_pixels"] = self._monitor.distance(images[:MONITOR_SAMPLES])
            if not self._data.classes:
                seen = self._players.score(self._some_real, None)
                metrics["d_overfit_gap"] = seen - self._players.score(self._monitor_images, None)
        return Look(
            grid_png=encode_grid(grid(to_bytes(images[: config.sample_count]))),
            metrics=metrics,
            is_collapsed=diversity < COLLAPSED_BELOW,
        )

    @torch.no_grad()
    def _sample(self) -> Tensor:
        network, size = self._players.averaged.network, self._config.batch_size
        labels = self._fixed_labels
        with self._players.device.autocast():
            parts = [
                network(self._fixed_z[i : i + size], None if labels is None else labels[i : i + size]).float()
                for i in range(0, len(self._fixed_z), size)
            ]
        return torch.cat(parts)

    def _fixed(self, purpose: str, count: int) -> tuple[Tensor, Tensor | None]:
        device = self._players.device.torch
        seeds = [image_seed(purpose, self._config.seed, None, index) for index in range(count)]
        z = torch.from_numpy(latents(seeds, self._config.latent_size)).to(device)
        if not self._data.classes:
            return z, None
        return z, (torch.arange(count) % len(self._data.classes)).to(device)


def grid(images: Tensor) -> NDArray[np.uint8]:
    """Lay images (n, c, h, w) uint8 out as one nearly square picture (H, W, c); missing places stay black."""
    n, c, h, w = images.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    canvas = np.zeros((rows * h, columns * w, c), np.uint8)
    for place, image in enumerate(images.numpy()):
        row, column = divmod(place, columns)
        canvas[row * h : (row + 1) * h, column * w : (column + 1) * w] = image.transpose(1, 2, 0)
    return canvas
