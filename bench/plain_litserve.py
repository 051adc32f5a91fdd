"""LitServe as its manual begins: one request, one forward pass, one JSON answer."""

import base64
from pathlib import Path
from typing import Any

import litserve
import numpy as np
import torch

from generation.child import die_with_parent
from generation.ml.data import to_bytes
from generation.ml.device import choose_device
from generation.ml.png import encode_png
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.seeding import image_seed, latents
from generation.ml.weights import load_generator


class PlainAPI(litserve.LitAPI):  # type: ignore[misc]
    """The same generator, latents and files as the service; passes as large as the request.

    Args:
        folder: of generators.
        digest: the one that is served.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        super().__init__(api_path="/sample")
        self._weights = folder / f"{digest}.safetensors"

    def setup(self, device: str) -> None:
        die_with_parent()
        chosen = choose_device("float32")
        self._generator = load_generator(self._weights, device=chosen.torch)
        self._sampler = Sampler(self._generator, chosen)

    @torch.inference_mode()
    def predict(self, x: dict[str, Any]) -> list[bytes]:
        requests = [ImageRequest(batch_seed=x["seed"], index=index) for index in range(x["count"])]
        seeds = [image_seed(self._generator.digest, one.batch_seed, None, one.index) for one in requests]
        z = torch.from_numpy(latents(seeds, self._generator.record.latent_size))
        pixels = to_bytes(self._generator.network(z, None)).permute(0, 2, 3, 1)
        return [
            encode_png(image, self._sampler.recipe(one))
            for image, one in zip(np.ascontiguousarray(pixels.numpy()), requests, strict=True)
        ]

    def encode_response(self, output: list[bytes]) -> dict[str, list[str]]:
        return {"images": [base64.b64encode(png).decode("ascii") for png in output]}
