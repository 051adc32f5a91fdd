"""`dcgan`: the textbook network (Radford et al. 2015, arXiv 1511.06434), unconditional, kept as the baseline."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from generation.ml.networks.shape import Shape


class Generator(nn.Module):
    """Transposed convolutions from a 1 px latent to the image."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = shape.widths
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(shape.latent_size, widths[0], 4, 1, 0, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for coarse, fine in itertools.pairwise(widths):
            layers += [
                nn.ConvTranspose2d(coarse, fine, 4, 2, 1, bias=False),
                nn.BatchNorm2d(fine),
                nn.ReLU(),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], shape.channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_init_weights)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latents (n, latent_size) → images (n, c, h, w) in [-1, 1]."""
        images: Tensor = self.layers(z[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """Strided convolutions down to one score."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = shape.widths[::-1]
        layers: list[nn.Module] = [
            nn.Conv2d(shape.channels, widths[0], 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
        ]
        for fine, coarse in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(fine, coarse, 4, 2, 1, bias=False),
                nn.BatchNorm2d(coarse),
                nn.LeakyReLU(0.2),
            ]
        layers += [nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False)]
        self.layers = nn.Sequential(*layers)
        self.apply(_init_weights)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (n, c, h, w) → scores (n,), before the sigmoid."""
        scores: Tensor = self.layers(x).flatten()
        return scores


@torch.no_grad()
def _init_weights(module: nn.Module) -> None:
    """All weights from N(0, 0.02), as in the paper's section 4."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
