"""What the service is asked and what it answers."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from generation.child import BadInput
from generation.ml.latents import LatentRequest, check_latents, sample_latents
from generation.ml.look import grid
from generation.ml.png import encode_grid
from generation.ml.sampling import ImageRequest, SampledImage, Sampler

MOST_IMAGES = 256
MOST_LATENT = 4096
RECIPE_HEADER = "X-Synthlab-Recipe"
RETRY_SECONDS = 5
# The same request gives the same bytes.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

Wanted = ImageRequest | LatentRequest
Vector = Annotated[list[FiniteFloat], Field(min_length=1, max_length=MOST_LATENT)]


class SampleRequest(BaseModel):
    """What a caller sends: a seed and a number, or latent vectors. Image i has index ``first_index + i``."""

    model_config = ConfigDict(extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="the generator")
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    count: int | None = Field(default=None, ge=1, le=MOST_IMAGES)
    latents: list[Vector] | None = Field(default=None, min_length=1, max_length=MOST_IMAGES)
    classes: list[int | None] | None = Field(
        default=None, description="one for each image; none where unconditional"
    )
    first_index: int = Field(default=0, ge=0, lt=2**31)
    truncation: float = Field(default=1.0, gt=0, le=1)
    format: Literal["grid", "zip", "npz"] = "zip"

    @property
    def size(self) -> int:
        """How many images are asked for."""
        return len(self.latents) if self.latents else self.count or 0

    def wanted(self, sampler: Sampler) -> list[Wanted]:
        """The images, in order.

        Raises:
            BadInput: ``bad_request``, or what this generator cannot make.
        """
        classes = self.classes or [None] * self.size
        if len(classes) != self.size:
            raise BadInput("bad_request", f"{len(classes)} classes for {self.size} images")
        if self.latents:
            vectors = [
                LatentRequest(
                    latent=np.array(vector, np.float32), index=self.first_index + place, class_index=one
                )
                for place, (vector, one) in enumerate(zip(self.latents, classes, strict=True))
            ]
            check_latents(sampler, vectors)
            return list(vectors)
        images = [
            ImageRequest(
                batch_seed=self.seed or 0,
                index=self.first_index + place,
                class_index=one,
                truncation=self.truncation,
            )
            for place, one in enumerate(classes)
        ]
        sampler.check(images)
        return list(images)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, ready to be sent.

    Attributes:
        code: ``ok``, or the problem's.
    """

    status: int
    body: bytes
    media_type: str
    code: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)


def read_request(body: bytes) -> SampleRequest:
    """The request of an HTTP body.

    Raises:
        BadInput: ``bad_request``; the sentence names the first member that is wrong.
    """
    try:
        request = SampleRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadInput("bad_request", f"{place}: {first['msg']}") from error
    by_seed = request.seed is not None and request.count is not None
    if request.latents is None and not by_seed:
        raise BadInput("bad_request", "give a seed and a count, or latents")
    if request.latents is not None and (
        request.seed is not None or request.count is not None or request.truncation != 1
    ):
        raise BadInput(
            "bad_request", "latents stand for themselves: no seed, count or truncation beside them"
        )
    return request


def make(sampler: Sampler, wanted: Sequence[Wanted]) -> list[SampledImage]:
    """One pass: all of one kind."""
    vectors = [one for one in wanted if isinstance(one, LatentRequest)]
    if vectors:
        return list(sample_latents(sampler, vectors))
    return list(sampler.sample([one for one in wanted if isinstance(one, ImageRequest)]))


def answer(request: SampleRequest, sampler: Sampler, images: Sequence[SampledImage]) -> Answer:
    """What was asked for, in the form it was asked for."""
    recipe = {
        **sampler.shared_recipe(),
        "seed": request.seed,
        "truncation": request.truncation,
        "first_index": request.first_index,
        "count": len(images),
    }
    body, media_type = {"grid": _grid, "zip": _zip, "npz": _npz}[request.format](images)
    return Answer(status=200, body=body, media_type=media_type, headers={RECIPE_HEADER: json.dumps(recipe)})


def refusal(status: int, code: str, detail: str) -> Answer:
    """A problem, in words and with a code; 503 says when to come again."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    body = json.dumps({"code": code, "detail": detail}).encode()
    return Answer(status=status, body=body, media_type="application/json", code=code, headers=headers)


def _grid(images: Sequence[SampledImage]) -> tuple[bytes, str]:
    """One PNG, as square as it goes, row by row."""
    pixels = torch.from_numpy(np.stack([image.pixels for image in images])).permute(0, 3, 1, 2)
    return encode_grid(grid(pixels, math.ceil(math.sqrt(len(images))))), "image/png"


def _zip(images: Sequence[SampledImage]) -> tuple[bytes, str]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for image in images:
            entry = zipfile.ZipInfo(f"{image.request.index:06d}.png", date_time=_ZIP_EPOCH)
            archive.writestr(entry, image.png)
    return stream.getvalue(), "application/zip"


def _npz(images: Sequence[SampledImage]) -> tuple[bytes, str]:
    """``images`` (n, h, w, c) uint8, ``index``, ``seed`` (0 where latents were given), ``class`` (-1 for none)."""
    classes = [image.request.class_index for image in images]
    arrays: dict[str, Any] = {
        "images": np.stack([image.pixels for image in images]),
        "index": np.array([image.request.index for image in images]),
        "seed": np.array([image.seed for image in images], np.uint64),
        "class": np.array([-1 if one is None else one for one in classes]),
    }
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue(), "application/x-npz"
