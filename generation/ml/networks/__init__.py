"""Architectures by name.

An architecture is a pair of builders. A generator maps latents ``(n, latent_size)`` and classes ``(n,)`` or None to
images ``(n, c, h, w)`` in [-1, 1]; a discriminator maps images and classes to one score an image ``(n,)``, high for
real. To add one: write a module like `dcgan`, register it in `ARCHITECTURES`, name it in
`generation.ml.config.ARCHITECTURE_DEFAULTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from generation.child import BadInput
from generation.ml.networks import dcgan, dcgan_s
from generation.ml.networks.shape import Shape

__all__ = ["ARCHITECTURES", "Architecture", "Shape", "build_discriminator", "build_generator"]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """How to build the two networks of a GAN from their `Shape`."""

    generator: Callable[[Shape], nn.Module]
    discriminator: Callable[[Shape], nn.Module]


ARCHITECTURES: dict[str, Architecture] = {
    "dcgan": Architecture(generator=dcgan.Generator, discriminator=dcgan.Discriminator),
    "dcgan-s": Architecture(generator=dcgan_s.Generator, discriminator=dcgan_s.Discriminator),
}


def build_generator(architecture: str, shape: Shape) -> nn.Module:
    """Build an untrained generator. Raises BadInput ``unknown_architecture``."""
    return _find(architecture).generator(shape)


def build_discriminator(architecture: str, shape: Shape) -> nn.Module:
    """Build an untrained discriminator. Raises BadInput ``unknown_architecture``."""
    return _find(architecture).discriminator(shape)


def _find(architecture: str) -> Architecture:
    if architecture not in ARCHITECTURES:
        raise BadInput("unknown_architecture", f"{architecture!r} is none of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture]
