from __future__ import annotations

import pytest
import torch

from generation.child import BadInput
from generation.ml.networks import ARCHITECTURES, Shape, build_discriminator, build_generator
from generation.ml.networks.dcgan_s import (
    ClassAffine,
    append_minibatch_deviation,
    double_at_once,
    double_in_two,
)


def shape(**changes) -> Shape:
    return Shape(**{"image_size": 64, "channels": 3, "latent_size": 16, "filters": 8, **changes})


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_networks_fit_each_other(architecture, size, channels):
    sizes = shape(image_size=size, channels=channels, skip_excitation=True)
    images = build_generator(architecture, sizes)(torch.randn(8, 16))
    assert images.shape == (8, channels, size, size)
    assert images.abs().max() <= 1
    assert build_discriminator(architecture, sizes)(images).shape == (8,)


def test_textbook_generator_has_the_textbook_size():
    # 100 latents, 64 filters, 64 px RGB: the 3.58 million weights of the published network.
    sizes = shape(latent_size=100, filters=64)
    count = sum(p.numel() for p in build_generator("dcgan", sizes).parameters())
    assert count == 100 * 512 * 16 + 512 * 256 * 16 + 256 * 128 * 16 + 128 * 64 * 16 + 64 * 3 * 16 + 2 * 960


def test_class_decides_both_networks():
    sizes = shape(class_count=2)
    generator, discriminator = build_generator("dcgan-s", sizes), build_discriminator("dcgan-s", sizes)
    with torch.no_grad():
        for affine in (m for m in generator.modules() if isinstance(m, ClassAffine)):
            affine.shift.weight[1] += 0.5
    z, first, second = torch.randn(4, 16), torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    generator.eval()
    discriminator.eval()
    assert not torch.allclose(generator(z, first), generator(z, second))
    x = torch.randn(4, 3, 64, 64)
    assert not torch.allclose(discriminator(x, first), discriminator(x, second))


def test_no_position_is_special_in_an_untrained_generator():
    # The mean image over many latents must be as flat at the border as inside: zero padding would show here.
    torch.manual_seed(0)
    generator = build_generator("dcgan-s", shape(image_size=32, skip_excitation=True))
    with torch.no_grad():
        images = torch.cat([generator(torch.randn(256, 16)) for _ in range(4)])
    spread = images.std(dim=0).mean(dim=0)  # (32, 32)
    border = torch.cat([spread[0], spread[-1], spread[:, 0], spread[:, -1]]).mean()
    assert border / spread[4:-4, 4:-4].mean() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(("coarse", "fine", "side"), [(3, 5, 6), (16, 8, 11)])
def test_doubling_at_once_and_in_two_steps_are_the_same_function(coarse, fine, side):
    torch.manual_seed(0)
    x = torch.randn(2, coarse, side, side, dtype=torch.float64)
    weight = torch.randn(fine, coarse, 3, 3, dtype=torch.float64)
    expected = double_in_two(x, weight)
    assert expected.shape == (2, fine, 2 * side - 2, 2 * side - 2)
    torch.testing.assert_close(double_at_once(x, weight), expected, rtol=1e-12, atol=1e-12)


def test_minibatch_deviation_tells_copies_from_a_varied_batch():
    one = torch.randn(1, 3, 4, 4)
    copies = append_minibatch_deviation(one.expand(8, -1, -1, -1))[:, -1]
    varied = append_minibatch_deviation(torch.randn(8, 3, 4, 4))[:, -1]
    assert copies.max() < 1e-3
    assert varied.min() > 0.5


def test_unknown_architecture_is_refused():
    with pytest.raises(BadInput, match="unknown_architecture"):
        build_generator("stylegan", shape())
