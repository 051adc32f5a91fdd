"""Images of latent vectors that the caller gives, instead of a seed.

The same pass as `generation.ml.sampling` makes (same size, padded, frozen statistics), so the vector that a seed stands
for gives the same pixels as that seed. The vector goes into the file's recipe, which can therefore be replayed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from generation.child import BadInput
from generation.ml.data import to_bytes
from generation.ml.png import encode_png
from generation.ml.recipe import encode_latent
from generation.ml.sampling import ImageRequest, SampledImage, Sampler


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentRequest:
    """One image to make of a given vector.

    Attributes:
        latent: (latent_size,) float32, used as it is; vectors of a seed have length √latent_size times the truncation.
        index: position in the request.
        class_index: position in the generator's list of classes, or None for an unconditional generator.
    """

    latent: NDArray[np.float32]
    index: int
    class_index: int | None = None


def check_latents(sampler: Sampler, requests: Sequence[LatentRequest]) -> None:
    """Refuse what this generator cannot make.

    Raises:
        BadInput: ``bad_latents``: another length than the generator's, or numbers that are not finite; and what
            `Sampler.check` refuses.
    """
    size = sampler.generator.record.latent_size
    for request in requests:
        if request.latent.shape != (size,) or not np.isfinite(request.latent).all():
            raise BadInput("bad_latents", f"this generator takes vectors of {size} finite numbers")
    sampler.check(
        [ImageRequest(batch_seed=0, index=one.index, class_index=one.class_index) for one in requests]
    )


def sample_latents(sampler: Sampler, requests: Sequence[LatentRequest]) -> Iterator[SampledImage]:
    """Make the images, in order; their ``seed`` is 0, because none was used."""
    check_latents(sampler, requests)
    for start in range(0, len(requests), sampler.forward_size):
        chunk = requests[start : start + sampler.forward_size]
        for request, pixels in zip(chunk, _render(sampler, chunk), strict=True):
            image = ImageRequest(batch_seed=0, index=request.index, class_index=request.class_index)
            png = encode_png(
                pixels,
                {**sampler.recipe(image), "seed": None, "latent": encode_latent(request.latent)},
            )
            yield SampledImage(
                request=image, seed=0, pixels=pixels, png=png, digest=hashlib.sha256(png).hexdigest()
            )


@torch.inference_mode()
def _render(sampler: Sampler, requests: Sequence[LatentRequest]) -> NDArray[np.uint8]:
    """At most `forward_size` requests → pixels (n, h, w, c)."""
    record, device = sampler.generator.record, sampler.device
    z = np.zeros((sampler.forward_size, record.latent_size), np.float32)
    y = np.zeros(sampler.forward_size, np.int64)
    for place, request in enumerate(requests):
        z[place], y[place] = request.latent, request.class_index or 0
    labels = torch.from_numpy(y).to(device.torch) if record.classes else None
    with device.autocast():
        images = sampler.generator.network(torch.from_numpy(z).to(device.torch), labels)
    pixels = to_bytes(images)[: len(requests)].permute(0, 2, 3, 1)
    return np.ascontiguousarray(pixels.numpy())
