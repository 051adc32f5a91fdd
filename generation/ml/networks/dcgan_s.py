"""`dcgan-s`: a DCGAN made fit for 100–1000 images.

What differs from the textbook, and where it comes from: spectral norm on every discriminator layer (Miyato et al. 2018),
minibatch standard deviation (Karras et al. 2018), class-conditional norm and projection (Miyato & Koyama 2018),
skip-layer excitation (Liu et al. 2021).

No position may leak. On a few hundred tiles a generator learns to put the same motif at the same place and a chequered
frame around it. Three things here leave it nothing to tie a motif to:
- the stem has no bias and is standardised for each position, so no position owns a constant;
- upsampling is resize-then-convolve, so all pixels get equally many taps;
- nothing is ever padded. Every map carries a halo of one pixel around the picture, which exactly feeds the next scale:
  h + 2 → resize → 2h + 4 → convolve without padding → 2h + 2. A border pixel is made like any other.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from generation.ml.networks.shape import Shape

STEM = 4  # px
HALO = 2  # one pixel on each side
# From 4 px features to 32 px, from 8 px to 64 px: three octaves apart, so that coarse layout gates fine detail.
SKIP_OCTAVES = 3
# Up to so many channels the transposed convolution is about twice as fast (bfloat16, forward and backward); above, slower.
WIDEST_AT_ONCE = 128


class Generator(nn.Module):
    """4 px stem, then upsample–convolve–norm–ReLU to the image."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        # Half the filters at full size: the finest map costs as much as all others together otherwise.
        widths = [*shape.widths, max(8, shape.filters // 2)]
        stem = widths[0] * (STEM + HALO) ** 2
        self.stem = nn.Linear(shape.latent_size, stem, bias=False)
        self.stem_standardise = nn.BatchNorm1d(stem, affine=False)
        self.stem_affine = ClassAffine(widths[0], shape.class_count)
        self.blocks = nn.ModuleList(
            UpBlock(coarse, fine, shape.class_count) for coarse, fine in itertools.pairwise(widths)
        )
        gates = range(SKIP_OCTAVES, len(widths)) if shape.skip_excitation else []
        self.gates = nn.ModuleDict(
            {str(i): SkipExcitation(widths[i - SKIP_OCTAVES], widths[i]) for i in gates}
        )
        self.to_image = nn.Conv2d(widths[-1], shape.channels, 3)
        _init_orthogonal(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latents (n, latent_size) and classes (n,) or None → images (n, c, h, w) in [-1, 1]."""
        x = self.stem_standardise(self.stem(z)).unflatten(1, (-1, STEM + HALO, STEM + HALO))
        x = functional.relu(self.stem_affine(x, y))  # (n, 8f, 6, 6)
        scales = [x]
        for i, block in enumerate(self.blocks, start=1):
            x = block(x, y)  # (n, c_i, 4·2^i + 2, 4·2^i + 2)
            if str(i) in self.gates:
                x = self.gates[str(i)](scales[i - SKIP_OCTAVES], x)
            scales.append(x)
        return torch.tanh(self.to_image(x))


class UpBlock(nn.Module):
    """Double the picture inside the halo: nearest neighbour, 3×3 convolution, (class-conditional) batch norm, ReLU."""

    def __init__(self, coarse: int, fine: int, class_count: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(coarse, fine, 3, bias=False)
        self.norm = nn.BatchNorm2d(fine, affine=False)
        self.affine = ClassAffine(fine, class_count)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        """(n, coarse, h + 2, w + 2) → (n, fine, 2h + 2, 2w + 2)."""
        double = double_at_once if self.conv.in_channels <= WIDEST_AT_ONCE else double_in_two
        return functional.relu(self.affine(self.norm(double(x, self.conv.weight)), y))


def double_in_two(x: Tensor, weight: Tensor) -> Tensor:
    """Nearest neighbour, then a 3×3 convolution without padding.

    Args:
        x: (n, i, h, w).
        weight: (o, i, 3, 3).

    Returns:
        (n, o, 2h - 2, 2w - 2).
    """
    return functional.conv2d(functional.interpolate(x, scale_factor=2.0, mode="nearest"), weight)


def double_at_once(x: Tensor, weight: Tensor) -> Tensor:
    """`double_in_two` as one transposed convolution: the same sums from 4 products a pixel and channel instead of 9.

    Of the nine pixels that a 3×3 kernel meets after nearest neighbour, several are copies of each other: their weights can
    be added first. That is what the sum over the four shifts does.
    """
    kernel = functional.pad(weight.flip(2, 3), (1, 1, 1, 1))  # (o, i, 5, 5)
    rows = kernel[:, :, :-1] + kernel[:, :, 1:]
    spread = rows[:, :, :, :-1] + rows[:, :, :, 1:]  # (o, i, 4, 4)
    return functional.conv_transpose2d(x, spread.transpose(0, 1), stride=2, padding=2)


class ClassAffine(nn.Module):
    """The scale and shift after a norm; one pair for each class where there are classes."""

    def __init__(self, channels: int, class_count: int) -> None:
        super().__init__()
        self.scale = nn.Embedding(max(1, class_count), channels)
        self.shift = nn.Embedding(max(1, class_count), channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        """(n, c, h, w) and classes (n,) or None → (n, c, h, w)."""
        if y is None:
            y = torch.zeros(1, dtype=torch.long, device=x.device)  # one row, broadcast over n
        scale, shift = self.scale(y), self.shift(y)  # (n, c)
        return torch.addcmul(shift[:, :, None, None].to(x.dtype), x, scale[:, :, None, None].to(x.dtype))


class SkipExcitation(nn.Module):
    """Gate each fine channel by what the whole coarse map shows: one number a channel, so no position passes."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(coarse, fine, STEM)
        self.gate = nn.Conv2d(fine, fine, 1)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(n, c', h', w'), (n, c, h, w) → (n, c, h, w)."""
        pooled = functional.adaptive_avg_pool2d(coarse, STEM)
        gate = torch.sigmoid(self.gate(functional.leaky_relu(self.squeeze(pooled), 0.1)))  # (n, c, 1, 1)
        return fine * gate * 2.0  # × 2: an undecided gate (0.5) leaves the features as they are


class Discriminator(nn.Module):
    """Strided, spectrally normalised convolutions; minibatch statistics; projection on the class."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [shape.channels, *shape.widths[::-1]]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(fine, coarse, 4, 2, 1)) for fine, coarse in itertools.pairwise(widths)
        )
        self.mix = spectral_norm(nn.Conv2d(widths[-1] + 1, widths[-1], 3, 1, 1))
        self.score = spectral_norm(nn.Linear(widths[-1] * STEM**2, 1))
        self.project = (
            spectral_norm(nn.Embedding(shape.class_count, widths[-1])) if shape.class_count else None
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images (n, c, h, w) and classes (n,) or None → scores (n,)."""
        for conv in self.convs:
            x = leaky_relu(conv(x))
        x = leaky_relu(self.mix(append_minibatch_deviation(x)))  # (n, 8f, 4, 4)
        scores: Tensor = self.score(x.flatten(1)).squeeze(1)
        if self.project is not None and y is not None:
            scores = scores + (self.project(y) * x.mean(dim=(2, 3))).sum(dim=1)
        return scores


def leaky_relu(x: Tensor) -> Tensor:
    """LeakyReLU with the gain that keeps the variance.

    A spectrally normalised layer passes most directions weakened. Without the gain the scores of a few hundred training
    steps stay within ±0.05, and the discriminator tells the generator next to nothing.
    """
    return functional.leaky_relu(x, 0.2) * 2**0.5


def append_minibatch_deviation(x: Tensor, group: int = 4) -> Tensor:
    """Append one channel that tells how much images of a group differ: a collapsed generator gives itself away.

    Args:
        x: (n, c, h, w) with n a multiple of the group, else all n form one group.
        group: how many images are compared.

    Returns:
        (n, c + 1, h, w).
    """
    n, _, h, w = x.shape
    size = group if n % group == 0 else n
    grouped = x.float().reshape(size, n // size, *x.shape[1:])  # (group, m, c, h, w): members stand m apart
    variance = (grouped - grouped.mean(dim=0)).square().mean(dim=0)  # Tensor.var takes ten times as long here
    deviation = (variance + 1e-8).sqrt().mean(dim=(1, 2, 3))  # (m,)
    channel = deviation.repeat(size).to(x.dtype)[:, None, None, None].expand(n, 1, h, w)
    return torch.cat([x, channel], dim=1)


@torch.no_grad()
def _init_orthogonal(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
