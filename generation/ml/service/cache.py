"""The generators in memory: loaded on demand, the least recently used given up first."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path

from generation.child import BadInput
from generation.ml.device import Device
from generation.ml.sampling import Sampler
from generation.ml.service.facts import Facts
from generation.ml.weights import load_generator

_DIGEST = re.compile(r"[0-9a-f]{64}")


class GeneratorCache:
    """The most recently used generators of a folder, ready to sample.

    Args:
        folder: holds ``DIGEST.safetensors``.
        device: where they run.
        most_bytes: what their tensors may take together. The one in use stays, however large it is.
        facts: told what is loaded and what was given up.
    """

    def __init__(self, folder: Path, device: Device, most_bytes: int, facts: Facts) -> None:
        self._folder, self._device, self._most_bytes, self._facts = folder, device, most_bytes, facts
        self._samplers: OrderedDict[str, Sampler] = OrderedDict()

    def get(self, digest: str) -> Sampler:
        """Load on demand.

        Raises:
            BadInput: ``unknown_generator``, also for one that was taken away since; ``wrong_digest`` or
                ``bad_weights`` where its file is damaged.
        """
        path = self._folder / f"{digest}.safetensors"
        if not _DIGEST.fullmatch(digest) or not path.is_file():
            self._samplers.pop(digest, None)
            self._count()
            raise BadInput("unknown_generator", "no generator of that digest is in service")
        if digest not in self._samplers:
            generator = load_generator(path, device=self._device.torch, expected_digest=digest)
            self._samplers[digest] = Sampler(generator, self._device)
            self._facts.loads += 1
        self._samplers.move_to_end(digest)
        self._give_up_the_oldest()
        return self._samplers[digest]

    def _give_up_the_oldest(self) -> None:
        while self._count() > self._most_bytes and len(self._samplers) > 1:
            self._samplers.popitem(last=False)
            self._facts.evictions += 1

    def _count(self) -> int:
        taken = sum(_tensor_bytes(sampler) for sampler in self._samplers.values())
        self._facts.generators, self._facts.generator_bytes = len(self._samplers), taken
        return taken


def _tensor_bytes(sampler: Sampler) -> int:
    tensors = sampler.generator.network.state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
