"""Differentiable augmentation of everything the discriminator sees, real and generated alike.

Zhao et al. 2020 (arXiv 2006.10738): augmenting only real images teaches the generator the augmentations; augmenting
both, differentiably, does not, and stops a discriminator from learning a few hundred images by heart.
Randomness comes from the caller's `torch.Generator` on the CPU, so that a resumed run draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from generation.ml.config import AUGMENTATIONS

TRANSLATION = 1 / 8  # of the side, each way
CUTOUT = 1 / 4  # of the side: more would hide a whole lesion


def augment(x: Tensor, names: Sequence[str], rng: torch.Generator) -> Tensor:
    """Apply the named augmentations, each image by its own draw.

    Args:
        x: images (n, c, h, w) in [-1, 1].
        names: some of `generation.ml.config.AUGMENTATIONS`; the order of that tuple is used.
        rng: CPU generator; always advanced by the same amount for the same shape and names.

    Returns:
        Images of the same shape, differentiable with respect to x.
    """
    for name in AUGMENTATIONS:
        if name in names:
            x = _FUNCTIONS[name](x, rng)
    return x


def symmetry(x: Tensor, rng: torch.Generator) -> Tensor:
    """One of the eight flips and quarter turns. Right for tissue, wrong for anatomy that has a left and a right."""
    swap, flip_rows, flip_columns = (_coin(x, rng) for _ in range(3))
    x = torch.where(swap, x.transpose(2, 3), x)
    x = torch.where(flip_rows, x.flip(2), x)
    return torch.where(flip_columns, x.flip(3), x)


def translation(x: Tensor, rng: torch.Generator) -> Tensor:
    """Shift by up to an eighth of the side, filled by reflection: a constant fill would look like a border."""
    n, _, h, w = x.shape
    most = max(1, round(h * TRANSLATION))
    padded = functional.pad(x, (most,) * 4, mode="reflect")
    shifts = torch.randint(0, 2 * most + 1, (n, 2), generator=rng).tolist()
    # Slices rather than a gather: their backward pass adds in a fixed order, so a run can be repeated to the bit.
    # Unbound first: the gradient of a slice of the batch would be a batch of zeros for every image.
    pairs = zip(padded.unbind(), shifts, strict=True)
    return torch.stack([image[:, dy : dy + h, dx : dx + w] for image, (dy, dx) in pairs])


def cutout(x: Tensor, rng: torch.Generator) -> Tensor:
    """Blank one square of a quarter of the side."""
    n, _, h, w = x.shape
    size = max(1, round(h * CUTOUT))
    top = torch.randint(0, h, (n, 1, 1, 1), generator=rng).to(x.device) - size // 2
    left = torch.randint(0, w, (n, 1, 1, 1), generator=rng).to(x.device) - size // 2
    rows = torch.arange(h, device=x.device)[None, None, :, None]
    columns = torch.arange(w, device=x.device)[None, None, None, :]
    hidden = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + size)  # (n, 1, h, w)
    return x.masked_fill(hidden, 0.0)


def colour(x: Tensor, rng: torch.Generator) -> Tensor:
    """Change brightness (± 0.25), saturation (0.5–1.5) and contrast (0.75–1.25): stain varies, tissue does not."""
    brightness, saturation, contrast = (_uniform(x, rng) for _ in range(3))  # each (n, 1, 1, 1) in [-1, 1)
    x = x + 0.25 * brightness
    grey = x.mean(dim=1, keepdim=True)
    x = (x - grey) * (1 + 0.5 * saturation) + grey
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (x - mean) * (1 + 0.25 * contrast) + mean


def _coin(x: Tensor, rng: torch.Generator) -> Tensor:
    return (torch.rand(len(x), 1, 1, 1, generator=rng) < 0.5).to(x.device)


def _uniform(x: Tensor, rng: torch.Generator) -> Tensor:
    return (torch.rand(len(x), 1, 1, 1, generator=rng) * 2 - 1).to(x)


_FUNCTIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "symmetry": symmetry,
    "translation": translation,
    "cutout": cutout,
    "colour": colour,
}
