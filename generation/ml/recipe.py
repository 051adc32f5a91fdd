"""The recipe inside a sampled image's file: how to make its pixels again. Knows no torch."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.child import BadInput
from generation.ml.png import RECIPE_KEY, read_marks

RECIPE_VERSION = 1
MOST_FORWARD = 1024
DTYPES = ("float32", "bfloat16")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """What a file says about how it was made.

    Attributes:
        generator: SHA-256 of the weights file.
        seed: of the batch, at least 0 and below 2^63.
        class_index: position in the generator's list of classes, or None.
        index: position in the batch, at least 0.
        truncation: in (0, 1].
        dtype: ``float32`` or ``bfloat16``.
        forward_size: images that went through the network together, padding included.
        encoder: name and version of what made the file's bytes.
        latent: (latent_size,) float32 where the caller gave the vector; the seed means nothing then.
    """

    generator: str
    seed: int
    class_index: int | None
    index: int
    truncation: float
    dtype: str
    forward_size: int
    encoder: str
    latent: NDArray[np.float32] | None = None


def read_recipe(content: bytes) -> Recipe:
    """The recipe of a PNG file.

    Raises:
        BadInput: ``unreadable_image``; ``no_recipe``, also for a picture from elsewhere; ``newer_recipe``;
            ``bad_recipe``.
    """
    try:
        text = read_marks(content).get(RECIPE_KEY)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's words
        raise BadInput("unreadable_image", "this is no PNG, or it is damaged") from error
    if text is None:
        raise BadInput(
            "no_recipe", "the file holds no recipe: it was not made here, or what it said was removed"
        )
    try:
        facts = json.loads(text)
        if facts["recipe_version"] > RECIPE_VERSION:
            raise BadInput("newer_recipe", "the recipe was written by a newer version of this software")
        recipe = _parsed(facts)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _bad_recipe() from error
    if not _is_possible(recipe):
        raise _bad_recipe()
    return recipe


def _parsed(facts: dict[str, Any]) -> Recipe:
    wanted, latent = facts["class"], facts.get("latent")
    return Recipe(
        generator=str(facts["generator"]),
        seed=0 if latent is not None else int(facts["seed"]),
        class_index=None if wanted is None else int(wanted),
        index=int(facts["index"]),
        truncation=float(facts["truncation"]),
        dtype=str(facts["dtype"]),
        forward_size=int(facts["forward_size"]),
        encoder=str(facts["encoder"]),
        latent=None if latent is None else decode_latent(latent),
    )


def encode_latent(latent: NDArray[np.float32]) -> str:
    """A vector as it stands in a recipe: base64 of its float32 numbers, little-endian."""
    return base64.b64encode(latent.astype("<f4").tobytes()).decode("ascii")


def decode_latent(text: str) -> NDArray[np.float32]:
    """The vector (size,) of a recipe.

    Raises:
        ValueError: It is no base64 of float32 numbers.
    """
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)


def _is_possible(recipe: Recipe) -> bool:
    """What the sampler itself checks (seed, index, class, truncation) is left to it."""
    return (
        _DIGEST.fullmatch(recipe.generator) is not None
        and recipe.dtype in DTYPES
        and 1 <= recipe.forward_size <= MOST_FORWARD
    )


def _bad_recipe() -> BadInput:
    return BadInput("bad_recipe", "the recipe in the file is damaged or was changed")
