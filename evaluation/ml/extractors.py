"""Feature extractors by name. What an extractor is called is what its numbers are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evaluation.ml.preprocess import Preprocessing
from generation.child import BadInput

LITE0 = "efficientnet-lite0"
RANDOM_CONV = "random-conv"

FID_UNAVAILABLE = (
    "FID means the Fréchet distance over the standard Inception (2015-12-05) weights. They cannot be shipped and are "
    "not installed here, so this number is not given; a distance over other features is never called FID. "
    "Importing the weights file, pinned by its SHA-256, is planned."
)


class Extractor(Protocol):
    """A frozen function from pictures to feature rows.

    Attributes:
        name: the registry's name, part of every metric's identity.
        digest: SHA-256 over weights and architecture; two extractors of one digest give the same features.
        dimension: length d of a feature row.
        calibrated: whether distances over these features are known to mean anything to people.
        preprocessing: what happens before.
    """

    name: str
    digest: str
    dimension: int
    calibrated: bool
    preprocessing: Preprocessing

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Map ``(n, h, w, 3)`` uint8 to ``(n, d)`` float32; a row does not depend on its neighbours."""
        ...


def _lite0(threads: int) -> Extractor:
    from evaluation.ml.lite0 import EfficientNetLite0

    return EfficientNetLite0(threads=threads)


def _random_conv(threads: int) -> Extractor:
    from evaluation.ml.random_conv import RandomConv

    return RandomConv()


# Factories, so that naming an extractor does not load torch.
_REGISTRY: dict[str, Callable[[int], Extractor]] = {LITE0: _lite0, RANDOM_CONV: _random_conv}


def extractor_names() -> tuple[str, ...]:
    """Names that `make_extractor` knows."""
    return tuple(sorted(_REGISTRY))


def make_extractor(name: str, *, threads: int = 1) -> Extractor:
    """Build an extractor; there is never a substitute for one that cannot be had.

    Raises:
        BadInput: unknown name, or its weights are missing or changed.
    """
    if name not in _REGISTRY:
        raise BadInput(
            "unknown_extractor", f"no extractor is called {name!r}; known: {', '.join(extractor_names())}"
        )
    return _REGISTRY[name](threads)
