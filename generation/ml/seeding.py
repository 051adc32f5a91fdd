"""Where every random number comes from.

Sampling: NumPy's Philox on the CPU, one stream an image, keyed by what the image is; so an image is the same whoever
its neighbours are, and CUDA's generators (which differ between devices) never decide a pixel.
Training: one `torch.Generator` on the CPU whose state travels in the checkpoint, and an order of the data that is a
function of (seed, position) alone.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def image_seed(generator_digest: str, batch_seed: int, class_index: int | None, index: int) -> int:
    """The seed of one image: the first 8 bytes of SHA-256(generator digest | batch seed | class | index).

    Args:
        generator_digest: SHA-256 of the weights file, 64 hex digits.
        batch_seed: chosen by whoever asks for the batch.
        class_index: position in the generator's list of classes, or None (written as ``-``).
        index: position in the batch.
    """
    name = f"{generator_digest}|{batch_seed}|{'-' if class_index is None else class_index}|{index}"
    return int.from_bytes(hashlib.sha256(name.encode("ascii")).digest()[:8], "big")


def latent(seed: int, size: int) -> NDArray[np.float32]:
    """One latent vector (size,), float32, on the sphere of radius √size.

    Gaussian vectors of this length lie close to that sphere anyway; exactly on it, all images are equally typical and
    `truncation` alone decides how near the average they come.
    """
    # key=, not seed=: the seed is already a hash, and NumPy promises Philox's stream for a given key.
    z = np.random.Generator(np.random.Philox(key=seed)).standard_normal(size)
    on_sphere: NDArray[np.float32] = (z * (np.sqrt(size) / np.linalg.norm(z))).astype(np.float32)
    return on_sphere


def latents(seeds: list[int], size: int) -> NDArray[np.float32]:
    """Latent vectors (n, size), one for each seed."""
    return np.stack([latent(seed, size) for seed in seeds]) if seeds else np.empty((0, size), np.float32)


class DataOrder:
    """Which training image comes when: a pure function of (seed, position), so a checkpoint needs only the step.

    Args:
        count: number of images.
        seed: the run's seed.
        weights: (count,) how often each image should come, or None for a plain shuffle each epoch.
    """

    def __init__(self, count: int, seed: int, weights: NDArray[np.float64] | None = None) -> None:
        self._count = count
        self._seed = seed
        self._weights = None if weights is None else weights / weights.sum()
        self._epoch_number = -1
        self._epoch = np.empty(0, np.int64)

    def batch(self, position: int, size: int) -> NDArray[np.int64]:
        """Indices (size,) of the images at `position`, `position` + 1, … of the endless stream."""
        return np.array([self._at(place) for place in range(position, position + size)], np.int64)

    def _at(self, place: int) -> int:
        number, offset = divmod(place, self._count)
        if number != self._epoch_number:
            self._epoch_number, self._epoch = number, self._draw(number)
        return int(self._epoch[offset])

    def _draw(self, number: int) -> NDArray[np.int64]:
        rng = np.random.Generator(np.random.Philox(key=[self._seed, number]))
        if self._weights is None:
            return rng.permutation(self._count)
        return rng.choice(self._count, size=self._count, p=self._weights)
