"""A generator that really makes images, in no time: untrained, of two classes."""

from __future__ import annotations

from typing import Any

from tests.generation.factories import SIZE

CLASSES = ["common", "rare"]


def tiny_weights(**_: Any) -> bytes:
    """An untrained generator of two classes."""
    import torch

    from generation.ml.networks import build_generator
    from generation.ml.weights import GeneratorRecord, serialise_generator

    record = GeneratorRecord(
        architecture="dcgan-s", image_size=SIZE, channels=3, latent_size=8, filters=4, step=1,
        classes=tuple(CLASSES),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = build_generator(record.architecture, record.shape)
        # Statistics of the norms that are not the trivial ones.
        network.train()(torch.randn(16, record.latent_size), torch.zeros(16, dtype=torch.long))
    return serialise_generator(network, record)
