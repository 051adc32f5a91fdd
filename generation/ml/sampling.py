"""From seeds to marked PNG files: the one path that batches, the model service and the command line share.

The promise: the same recipe gives the same pixels on one device class and dtype, whoever its neighbours are. Three
things keep it: latents depend on the image alone (`generation.ml.seeding`), the generator's norms are frozen, and every
forward pass has the same size (`FORWARD_SIZE`, padded), because kernels may add in another order at another size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generation.child import BadInput
from generation.ml.data import to_bytes
from generation.ml.device import Device
from generation.ml.png import encode_png, encoder_name
from generation.ml.recipe import RECIPE_VERSION
from generation.ml.seeding import image_seed, latent
from generation.ml.weights import LoadedGenerator

# Large enough to fill two cores, small enough that a sample of 16 images does not wait for a large pass.
FORWARD_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """One image to make: everything about it that is not the generator.

    Attributes:
        batch_seed: at least 0 and below 2^63.
        index: position in the batch, at least 0.
        class_index: position in the generator's list of classes, or None for an unconditional generator.
        truncation: length of the latent relative to those seen in training, in (0, 1]; below 1 gives more typical
            and less varied images.
    """

    batch_seed: int
    index: int
    class_index: int | None = None
    truncation: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SampledImage:
    """One finished image.

    Attributes:
        request: what was asked for.
        seed: the image's own 64-bit seed.
        pixels: (h, w, c) uint8.
        png: the marked file.
        digest: SHA-256 of the file.
    """

    request: ImageRequest
    seed: int
    pixels: NDArray[np.uint8]
    png: bytes
    digest: str


class Sampler:
    """Makes images with one generator on one device.

    Args:
        generator: loaded and frozen.
        device: where, and in which precision, the forward passes run.
        forward_size: images in one pass; another than the usual only to make an older image again.
    """

    def __init__(
        self, generator: LoadedGenerator, device: Device, *, forward_size: int = FORWARD_SIZE
    ) -> None:
        self.generator, self.device, self.forward_size = generator, device, forward_size
        self._encoder = encoder_name(generator.record.channels)

    def check(self, requests: Sequence[ImageRequest]) -> None:
        """Refuse what this generator cannot make.

        Raises:
            BadInput: ``bad_seed``, ``bad_index``, ``bad_truncation``, ``unknown_class``, ``class_needed``.
        """
        classes = self.generator.record.classes
        for request in requests:
            if not 0 <= request.batch_seed < 2**63:
                raise BadInput("bad_seed", "a seed is a whole number of at least 0 and below 2^63")
            if request.index < 0:
                raise BadInput("bad_index", "an index is a whole number of at least 0")
            if not 0 < request.truncation <= 1:
                raise BadInput("bad_truncation", "truncation is more than 0 and at most 1")
            if request.class_index is None:
                if classes:
                    raise BadInput(
                        "class_needed", f"this generator makes images of: {', '.join(classes)}; name one"
                    )
            elif not 0 <= request.class_index < len(classes):
                known = f"classes 0 to {len(classes) - 1}" if classes else "no classes"
                raise BadInput("unknown_class", f"this generator knows {known}, not {request.class_index}")

    def sample(self, requests: Sequence[ImageRequest]) -> Iterator[SampledImage]:
        """Make the images, in order. Requests of different batches and callers may stand side by side."""
        self.check(requests)
        for start in range(0, len(requests), self.forward_size):
            yield from self._sample_chunk(requests[start : start + self.forward_size])

    def shared_recipe(self) -> dict[str, Any]:
        """What the recipes of all images of this sampler have in common."""
        return {
            "generator": self.generator.digest,
            "dtype": self.device.dtype,
            "forward_size": self.forward_size,
            "encoder": self._encoder,
            "recipe_version": RECIPE_VERSION,
        }

    def recipe(self, request: ImageRequest) -> dict[str, Any]:
        """What is written into the image's file: enough to make it again, and nothing else."""
        return {
            **self.shared_recipe(),
            "seed": request.batch_seed,
            "class": request.class_index,
            "index": request.index,
            "truncation": request.truncation,
        }

    def _sample_chunk(self, requests: Sequence[ImageRequest]) -> Iterator[SampledImage]:
        seeds = [
            image_seed(self.generator.digest, request.batch_seed, request.class_index, request.index)
            for request in requests
        ]
        for request, seed, pixels in zip(requests, seeds, self._render(requests, seeds), strict=True):
            png = encode_png(pixels, self.recipe(request))
            digest = hashlib.sha256(png).hexdigest()
            yield SampledImage(request=request, seed=seed, pixels=pixels, png=png, digest=digest)

    @torch.inference_mode()
    def _render(self, requests: Sequence[ImageRequest], seeds: Sequence[int]) -> NDArray[np.uint8]:
        """At most `forward_size` requests → pixels (n, h, w, c)."""
        size = self.generator.record.latent_size
        z = np.zeros((self.forward_size, size), np.float32)
        y = np.zeros(self.forward_size, np.int64)
        for place, (request, seed) in enumerate(zip(requests, seeds, strict=True)):
            z[place] = latent(seed, size) * np.float32(request.truncation)
            y[place] = request.class_index or 0
        device = self.device.torch
        labels = torch.from_numpy(y).to(device) if self.generator.record.classes else None
        with self.device.autocast():
            images = self.generator.network(torch.from_numpy(z).to(device), labels)  # (forward_size, c, h, w)
        pixels = to_bytes(images)[: len(requests)].permute(0, 2, 3, 1)
        return np.ascontiguousarray(pixels.numpy())
