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
from generation.ml.holdback import FEWEST_MONITOR_IMAGES
from generation.ml.monitor import PixelMonitor
from generation.ml.players import Players
from generation.ml.png import encode_grid
from generation.ml.seeding import image_seed, latents

MONITOR_SAMPLES = 256
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen.

    Attributes:
        grid_png: PNG of the fixed latents, marked as synthetic; with classes, one row for each, the same latents in each.
        metrics: ``diversity_ratio``, and with a monitor slice ``monitor_kid_pixels`` and ``d_overfit_gap``.
    """

    grid_png: bytes
    metrics: dict[str, float]


class Looker:
    """Holds the fixed latents and the monitor; the same looks in every attempt of a run."""

    def __init__(self, config: TrainConfig, data: TrainingData, players: Players) -> None:
        self._config, self._data, self._players = config, data, players
        device = players.device.torch
        standing = config.standing_batches * config.batch_size
        shares = data.class_shares(config)
        self._standing = self._latents("standing", standing), self._spread(shares, standing)
        self._shown = self._rows(max(config.sample_count, 1))
        self._compared = (
            self._latents("samples", MONITOR_SAMPLES),
            self._spread(self._mix(shares), MONITOR_SAMPLES),
        )
        # A look must not draw from the run's own stream: that would make looking change the weights.
        some = torch.from_numpy(np.unique(np.linspace(0, len(data.images) - 1, 256).astype(np.int64)))
        self._some_real = to_unit(data.images[some], device)
        self._some_labels = data.labels[some].to(device)
        self._monitor_images = to_unit(data.monitor, device)
        enough = len(data.monitor) >= FEWEST_MONITOR_IMAGES
        self._monitor = PixelMonitor(self._monitor_images) if enough else None

    def look(self) -> Look:
        """Measure the frozen statistics, sample, compare."""
        averaged = self._players.averaged
        with self._players.device.autocast():
            averaged.measure_statistics(*self._standing, self._config.batch_size)
        images = self._sample(*self._compared)  # (n, c, h, w) in [-1, 1]
        metrics = {"diversity_ratio": self._diversity(images)}
        if self._monitor is not None:
            metrics["monitor_kid_pixels"] = self._monitor.distance(images)
            metrics["d_overfit_gap"] = self._overfit_gap()
        return Look(
            grid_png=encode_grid(grid(to_bytes(self._sample(*self._shown)), self._columns)), metrics=metrics
        )

    @property
    def _columns(self) -> int:
        """Columns of the grid: with classes, so many that each class has one row."""
        count, classes = len(self._shown[0]), len(self._data.classes)
        return count // classes if classes else math.ceil(math.sqrt(count))

    def _diversity(self, images: Tensor) -> float:
        """How much the images vary beside the real ones; with classes, in the class that varies least."""
        labels = self._compared[1]
        if labels is None:
            return _spread_ratio(images, self._some_real)
        ratios = [
            _spread_ratio(images[labels == place], self._some_real[self._some_labels == place])
            for place in range(len(self._data.classes))
            if min(int((labels == place).sum()), int((self._some_labels == place).sum())) > 1
        ]
        return min(ratios, default=1.0)

    def _overfit_gap(self) -> float:
        classes = bool(self._data.classes)
        unseen_labels = self._data.monitor_labels.to(self._some_labels.device) if classes else None
        seen = self._players.score(self._some_real, self._some_labels if classes else None)
        return seen - self._players.score(self._monitor_images, unseen_labels)

    @torch.no_grad()
    def _sample(self, latent: Tensor, labels: Tensor | None) -> Tensor:
        network, size = self._players.averaged.network, self._config.batch_size
        with self._players.device.autocast():
            parts = [
                network(latent[i : i + size], None if labels is None else labels[i : i + size]).float()
                for i in range(0, len(latent), size)
            ]
        return torch.cat(parts)

    def _latents(self, purpose: str, count: int) -> Tensor:
        seeds = [image_seed(purpose, self._config.seed, None, index) for index in range(count)]
        return torch.from_numpy(latents(seeds, self._config.latent_size)).to(self._players.device.torch)

    def _rows(self, count: int) -> tuple[Tensor, Tensor | None]:
        """Latents and classes of the grid: one row a class, so that a column shows what the class alone changes."""
        classes = len(self._data.classes)
        if not classes:
            return self._latents("samples", count), None
        columns = max(1, count // classes)
        labels = torch.arange(classes).repeat_interleave(columns)
        return self._latents("samples", columns).repeat(classes, 1), labels.to(self._players.device.torch)

    def _mix(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The classes of what is compared with the monitor slice are mixed as they are there."""
        counts = np.bincount(self._data.monitor_labels.numpy(), minlength=len(shares))[: len(shares)]
        return counts / counts.sum() if counts.sum() else shares

    def _spread(self, shares: NDArray[np.float64], count: int) -> Tensor | None:
        """Classes (count,) in the given shares, evenly mixed along the way; None without classes."""
        if not self._data.classes:
            return None
        # Multiples of the golden ratio fill [0, 1) evenly in every stretch, so each batch has the shares.
        labels = np.searchsorted(np.cumsum(shares), (np.arange(count) + 0.5) * GOLDEN % 1.0, side="right")
        return torch.from_numpy(labels.clip(0, len(shares) - 1)).to(self._players.device.torch)


def _spread_ratio(images: Tensor, real: Tensor) -> float:
    return float(images.std(dim=0).mean() / real.std(dim=0).mean().clamp_min(1e-6))


def grid(images: Tensor, columns: int) -> NDArray[np.uint8]:
    """Lay images (n, c, h, w) uint8 out as one picture (H, W, c), row by row; missing places stay black."""
    n, c, h, w = images.shape
    rows = math.ceil(n / columns)
    canvas = np.zeros((rows * h, columns * w, c), np.uint8)
    for place, image in enumerate(images.numpy()):
        row, column = divmod(place, columns)
        canvas[row * h : (row + 1) * h, column * w : (column + 1) * w] = image.transpose(1, 2, 0)
    return canvas
