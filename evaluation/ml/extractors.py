"""Feature extractors by name. What an extractor is called is what its numbers are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evaluation.ml.preprocess import Preprocessing
from generation.child import BadInput

LITE0 = "efficientnet-lite0"
RANDOM_CONV = "random-conv"

INCEPTION = "inception-2015-12-05"

# Those that a whole evaluation may stand on. `fid` has a row of its own, over Inception, where its weights are there.
PANEL = (LITE0, RANDOM_CONV)


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


def _lite0(threads: int, weights: Path | None) -> Extractor:
    from evaluation.ml.lite0 import EfficientNetLite0

    return EfficientNetLite0(threads=threads)


def _random_conv(threads: int, weights: Path | None) -> Extractor:
    from evaluation.ml.random_conv import RandomConv

    return RandomConv()


def _inception(threads: int, weights: Path | None) -> Extractor:
    from evaluation.ml.inception import Inception
    from evaluation.ml.weights import HOW_TO_IMPORT

    if weights is None:
        raise BadInput(
            "weights_missing", f"The weights of {INCEPTION} are not installed here. {HOW_TO_IMPORT}"
        )
    return Inception(folder=weights, threads=threads)


# Factories, so that naming an extractor does not load torch.
_REGISTRY: dict[str, Callable[[int, Path | None], Extractor]] = {
    LITE0: _lite0,
    RANDOM_CONV: _random_conv,
    INCEPTION: _inception,
}


def extractor_names() -> tuple[str, ...]:
    """Names that a whole evaluation may ask for."""
    return tuple(sorted(PANEL))


def make_extractor(name: str, *, threads: int = 1, weights: Path | None = None) -> Extractor:
    """Build an extractor; there is never a substitute for one that cannot be had.

    Args:
        name: of the registry.
        threads: of this process.
        weights: the folder of imported weights, for those that need them.

    Raises:
        BadInput: unknown name, or its weights are missing or changed.
    """
    if name not in _REGISTRY:
        raise BadInput(
            "unknown_extractor", f"no extractor is called {name!r}; known: {', '.join(sorted(_REGISTRY))}"
        )
    return _REGISTRY[name](threads, weights)
