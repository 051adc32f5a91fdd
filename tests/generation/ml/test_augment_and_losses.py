from __future__ import annotations

import math

import pytest
import torch

from generation.ml.augment import augment, symmetry, translation
from generation.ml.config import AUGMENTATIONS
from generation.ml.losses import LOSSES, r1_penalty


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_keeps_shape_passes_gradients_and_repeats(name):
    x = torch.rand(8, 3, 16, 16, requires_grad=True)
    out = augment(x, [name], rng())
    assert out.shape == x.shape
    assert not torch.equal(out, x)
    assert torch.equal(out, augment(x, [name], rng()))
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_all_eight_symmetries_come_up():
    image = torch.arange(9.0).view(1, 1, 3, 3)
    seen = {tuple(symmetry(image, rng(seed)).flatten().tolist()) for seed in range(200)}
    assert len(seen) == 8


def test_translation_fills_with_the_picture_itself():
    # A constant picture stays constant: no frame of another colour comes in.
    assert torch.equal(translation(torch.full((16, 3, 16, 16), 0.3), rng()), torch.full((16, 3, 16, 16), 0.3))


def test_images_of_a_batch_get_different_draws():
    x = torch.rand(1, 3, 16, 16).expand(16, -1, -1, -1)
    assert len(torch.unique(augment(x, AUGMENTATIONS, rng()).flatten(1), dim=0)) == 16


def test_losses_at_known_scores():
    zero = torch.zeros(4)
    assert LOSSES["hinge"].discriminator(zero, zero).item() == pytest.approx(2.0)
    assert LOSSES["bce"].discriminator(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert LOSSES["bce"].generator(zero).item() == pytest.approx(math.log(2))
    confident = LOSSES["hinge"].discriminator(torch.full((4,), 2.0), torch.full((4,), -2.0))
    assert confident.item() == 0.0


def test_r1_of_a_linear_score_is_half_its_squared_slope():
    slope = torch.randn(3, 4, 4)
    x = torch.randn(5, 3, 4, 4, requires_grad=True)
    assert r1_penalty((x * slope).sum(dim=(1, 2, 3)), x).item() == pytest.approx(
        0.5 * slope.square().sum().item(), rel=1e-5
    )
