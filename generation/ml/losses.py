"""What the two networks minimise. Scores are (n,), high for real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One adversarial game: `discriminator(real, fake)` and `generator(fake)` give means to minimise."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss (Lim & Ye 2017): scores beyond ±1 no longer pull, which keeps a strong discriminator calm."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """The generator simply raises its scores."""
    return -fake.mean()


def bce_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Goodfellow et al. 2014: −log σ(real) − log(1 − σ(fake))."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def bce_generator(fake: Tensor) -> Tensor:
    """The non-saturating form: −log σ(fake)."""
    return functional.softplus(-fake).mean()


LOSSES: dict[str, Loss] = {
    "hinge": Loss(discriminator=hinge_discriminator, generator=hinge_generator),
    "bce": Loss(discriminator=bce_discriminator, generator=bce_generator),
}


def r1_penalty(scores: Tensor, real: Tensor) -> Tensor:
    """Half the mean squared gradient of the scores at real images (Mescheder et al. 2018, arXiv 1801.04406).

    Args:
        scores: (n,), computed from `real` in float32.
        real: (n, c, h, w) with ``requires_grad``.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()
