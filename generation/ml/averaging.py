"""The averaged generator: what is sampled, shown, measured and kept."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class AveragedGenerator:
    """An exponential moving average of a generator's weights, with norm statistics measured on its own outputs.

    The average of weights has no batch statistics of its own, and averaged statistics belong to no network at all; so
    before use they are measured afresh on fixed latents ("standing statistics", Brock et al. 2018) and then frozen.

    Args:
        network: the generator in training; its current weights are the start.
        half_life_images: how many images until a weight's influence has halved; 0 follows the network exactly.
    """

    def __init__(self, network: nn.Module, half_life_images: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._half_life = half_life_images

    @torch.no_grad()
    def update(self, network: nn.Module, *, batch_size: int, images_seen: int) -> None:
        """Take in one step's weights."""
        # Early on, a long memory would keep the untrained weights: remember at most a twentieth of the run so far.
        half_life = min(self._half_life, images_seen / 20)
        keep = 0.5 ** (batch_size / half_life) if half_life > 0 else 0.0
        averaged: list[Tensor] = list(self.network.parameters())
        current: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(averaged, current, 1.0 - keep)

    @torch.no_grad()
    def measure_statistics(self, latents: Tensor, labels: Tensor | None, batch_size: int) -> None:
        """Set the frozen norm statistics to the plain mean over fixed latents, and go to eval mode.

        Args:
            latents: (m, latent_size), m a multiple of the batch size.
            labels: (m,) or None.
            batch_size: how many go through at once.
        """
        norms = [m for m in self.network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative mean instead of a moving one
        self.network.train()
        for start in range(0, len(latents), batch_size):
            part = slice(start, start + batch_size)
            self.network(latents[part], None if labels is None else labels[part])
        self.network.eval()
