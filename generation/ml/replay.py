"""Making an image again from the recipe inside its file, and saying how alike the two are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.child import BadInput, Reporter
from generation.ml.device import Device, choose_device
from generation.ml.latents import LatentRequest, sample_latents
from generation.ml.png import decode_png, encoder_name
from generation.ml.recipe import Recipe, read_recipe
from generation.ml.sampling import ImageRequest, SampledImage, Sampler
from generation.ml.weights import LoadedGenerator, load_generator

# Grey levels: room for a sum that is rounded otherwise elsewhere. Another precision needs more: 17 were measured.
TOLERANCE = 2


def replay_verb(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Replay images.

    Args:
        spec: ``images`` (paths), ``weights`` (path by digest of the generator), optionally ``tolerance`` (grey levels),
            ``dtype`` (in place of the recipe's), ``threads``.
        report: receives progress.

    Returns:
        ``{"images": [{"path", "verdict", …}], "device", "model"}``. The verdict is ``exact``, ``within`` (no value
        further off than the tolerance) or ``different``, with ``max_difference`` (grey levels, null where the sizes
        differ), ``share`` (of the pixels with any difference), ``same_bytes`` (null where another encoder made the
        file), ``dtype``; or ``refused`` with ``code`` and ``detail``.
    """
    tolerance = int(spec.get("tolerance", TOLERANCE))
    player = _Player(spec["weights"], threads=spec.get("threads"), dtype=spec.get("dtype"))
    images = []
    for place, path in enumerate(spec["images"], start=1):
        images.append({"path": path, **_verdict(player, Path(path), tolerance)})
        report.progress("replaying", place, len(spec["images"]))
    device = choose_device("float32")
    return {"images": images, "tolerance": tolerance, "device": device.name, "model": device.model}


def compare(
    first: NDArray[np.uint8], second: NDArray[np.uint8], tolerance: int = TOLERANCE
) -> dict[str, Any]:
    """How alike two images (h, w, c) are: ``verdict``, ``max_difference`` in grey levels, ``share`` of the pixels."""
    if first.shape != second.shape:
        return {"verdict": "different", "max_difference": None, "share": 1.0}
    difference = np.abs(first.astype(np.int16) - second.astype(np.int16)).max(axis=2)  # (h, w)
    largest = int(difference.max())
    verdict = "exact" if largest == 0 else "within" if largest <= tolerance else "different"
    return {"verdict": verdict, "max_difference": largest, "share": float((difference > 0).mean())}


class _Player:
    """Samplers by generator, dtype and forward size, so that a folder of images loads each generator once."""

    def __init__(self, weights: Mapping[str, str], *, threads: int | None, dtype: str | None) -> None:
        self._weights, self._threads, self._dtype = weights, threads, dtype
        self._generators: dict[str, LoadedGenerator] = {}

    def play(self, recipe: Recipe) -> tuple[SampledImage, Device]:
        device = choose_device(self._dtype or recipe.dtype, threads=self._threads)
        generator = self._generator(recipe.generator, device)
        sampler = Sampler(generator, device, forward_size=recipe.forward_size)
        if recipe.latent is not None:
            vector = LatentRequest(latent=recipe.latent, index=recipe.index, class_index=recipe.class_index)
            return next(sample_latents(sampler, [vector])), device
        request = ImageRequest(
            batch_seed=recipe.seed,
            index=recipe.index,
            class_index=recipe.class_index,
            truncation=recipe.truncation,
        )
        return next(sampler.sample([request])), device

    def _generator(self, digest: str, device: Device) -> LoadedGenerator:
        if digest not in self._generators:
            if digest not in self._weights:
                raise BadInput("unknown_generator", f"the generator {digest[:12]}… is not here")
            path = Path(self._weights[digest])
            self._generators[digest] = load_generator(path, device=device.torch, expected_digest=digest)
        return self._generators[digest]


def _verdict(player: _Player, path: Path, tolerance: int) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        recipe = read_recipe(content)
        made, device = player.play(recipe)
    except OSError as error:
        return {"verdict": "refused", "code": "unreadable_image", "detail": error.strerror or "unreadable"}
    except BadInput as refusal:
        return {"verdict": "refused", "code": refusal.code, "detail": refusal.detail}
    is_same_encoder = recipe.encoder == encoder_name(made.pixels.shape[2]) and device.dtype == recipe.dtype
    return {
        **compare(decode_png(content), made.pixels, tolerance),
        "same_bytes": made.png == content if is_same_encoder else None,
        "dtype": device.dtype,
        "generator": recipe.generator,
    }
