"""The model service: images on request, over HTTP on loopback.

LitServe runs four processes besides this one: a queue manager and the HTTP server (both forked), one inference worker
(spawned) that batches whatever requests wait, and Python's resource tracker. None of them may outlive us, also when we are
killed: the forked ones get the death signal through `os.register_at_fork`, the worker sets its own
(`GeneratorAPI.setup`), the tracker ends with its pipe.

The service sees a folder of ``DIGEST.safetensors`` files and nothing else; taking a file away takes it out of service.
"""

# No `from __future__ import annotations` here: LitServe and FastAPI read the annotations at run time.

import base64
import hmac
import io
import multiprocessing
import os
import re
import signal
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import litserve
import numpy as np
from fastapi import Header, HTTPException
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from generation.child import BadInput, Reporter, die_with_parent
from generation.ml.device import Device, choose_device
from generation.ml.sampling import ImageRequest, SampledImage, Sampler
from generation.ml.weights import load_generator

SECRET_VARIABLE = "SYNTHLAB_MODEL_SERVICE_SECRET"  # noqa: S105 (the name of a variable, not a secret)
SECRET_HEADER = "X-Model-Service-Secret"  # noqa: S105
MOST_IMAGES = 256
MOST_REQUESTS = 16  # batched together
BATCH_WINDOW_SECONDS = 0.005
DIGEST = re.compile(r"[0-9a-f]{64}")


class SampleRequest(BaseModel):
    """What a caller sends. Image i of the answer has index ``first_index + i``."""

    model_config = ConfigDict(extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="the generator")
    seed: int = Field(ge=0, lt=2**63)
    count: int = Field(ge=1, le=MOST_IMAGES)
    classes: list[int | None] | None = Field(
        default=None, description="one for each image; none where unconditional"
    )
    first_index: int = Field(default=0, ge=0, lt=2**31)
    truncation: float = Field(default=1.0, gt=0, le=1)
    format: Literal["png", "npz"] = "png"

    def image_requests(self) -> list[ImageRequest]:
        """The images, in order. Raises BadInput ``bad_request`` if there is not one class for each."""
        classes = self.classes or [None] * self.count
        if len(classes) != self.count:
            raise BadInput("bad_request", f"{len(classes)} classes for {self.count} images")
        return [
            ImageRequest(
                batch_seed=self.seed,
                index=self.first_index + place,
                class_index=class_index,
                truncation=self.truncation,
            )
            for place, class_index in enumerate(classes)
        ]


class GeneratorCache:
    """The most recently used generators of a folder, ready to sample.

    Args:
        folder: holds ``DIGEST.safetensors``.
        device: where they run.
        kept: how many stay in memory.
    """

    def __init__(self, folder: Path, device: Device, kept: int = 4) -> None:
        self._folder, self._device, self._kept = folder, device, kept
        self._samplers: OrderedDict[str, Sampler] = OrderedDict()

    def get(self, digest: str) -> Sampler:
        """Load on demand. Raises BadInput ``unknown_generator``, also for one that was taken away since."""
        path = self._folder / f"{digest}.safetensors"
        if not DIGEST.fullmatch(digest) or not path.is_file():
            self._samplers.pop(digest, None)
            raise BadInput("unknown_generator", "no generator of that digest is in service")
        if digest not in self._samplers:
            generator = load_generator(path, device=self._device.torch, expected_digest=digest)
            self._samplers[digest] = Sampler(generator, self._device)
        self._samplers.move_to_end(digest)
        while len(self._samplers) > self._kept:
            self._samplers.popitem(last=False)
        return self._samplers[digest]


class GeneratorAPI(litserve.LitAPI):  # type: ignore[misc]
    """LitServe's view of us: decode → batch → predict → encode, in the worker process."""

    def __init__(self, folder: Path, *, secret: str, threads: int | None, dtype: str, kept: int) -> None:
        super().__init__(max_batch_size=MOST_REQUESTS, batch_timeout=BATCH_WINDOW_SECONDS, api_path="/sample")
        self._folder, self._secret, self._threads, self._dtype, self._kept = (
            folder,
            secret,
            threads,
            dtype,
            kept,
        )

    def authorize(self, secret: Annotated[str, Header(alias=SECRET_HEADER)] = "") -> None:
        """Runs in the HTTP process before anything else is looked at."""
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            raise HTTPException(401, "wrong or missing secret")

    def setup(self, device: str) -> None:
        """Start the worker."""
        die_with_parent()
        parent = multiprocessing.parent_process()
        if parent is None or not parent.is_alive():  # it died while we were still importing
            os._exit(1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the main process's to handle
        chosen = choose_device(self._dtype, threads=self._threads)
        self.cache = GeneratorCache(self._folder, chosen, self._kept)

    def decode_request(self, request: SampleRequest) -> SampleRequest:
        """FastAPI has checked the shape already."""
        return request

    def batch(self, inputs: list[SampleRequest]) -> list[SampleRequest]:
        """Keep the requests apart; `predict` joins their images."""
        return inputs

    def unbatch(self, output: list[Response]) -> list[Response]:
        """One answer for each request."""
        return output

    def predict(self, requests: list[SampleRequest]) -> list[Response]:
        """Answer all waiting requests; images for the same generator share forward passes."""
        answers: dict[int, Response] = {}
        wanted: OrderedDict[str, list[tuple[int, list[ImageRequest]]]] = OrderedDict()
        for place, request in enumerate(requests):
            try:
                images = request.image_requests()
                self.cache.get(request.digest).check(images)
                wanted.setdefault(request.digest, []).append((place, images))
            except BadInput as refusal:  # one caller's mistake is not its neighbours'
                answers[place] = _refuse(refusal)
        for digest, parts in wanted.items():
            sampler = self.cache.get(digest)
            made = sampler.sample([image for _, images in parts for image in images])
            for place, images in parts:
                answers[place] = _answer(requests[place], sampler, [next(made) for _ in images])
        return [answers[place] for place in range(len(requests))]

    def encode_response(self, output: Response) -> Response:
        """Answers are finished in `predict`."""
        return output


def serve_verb(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Serve until told to stop.

    Args:
        spec: ``folder`` of generators, ``port``, and optionally ``host`` (loopback), ``threads``, ``dtype``, ``kept``.
            The shared secret comes from the environment, never from a file that others may read.
        report: tells when to stop; the log goes to stderr.

    Raises:
        BadInput: ``no_secret`` or ``bad_spec``.
    """
    secret = os.environ.get(SECRET_VARIABLE, "")
    if len(secret) < 16:
        raise BadInput("no_secret", f"{SECRET_VARIABLE} must hold a secret of at least 16 characters")
    os.register_at_fork(after_in_child=_tame_fork)
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_interrupt_when_told, args=(report,), daemon=True).start()
    server = litserve.LitServer(
        _api(spec, secret),
        accelerator="cpu",  # only how LitServe names its one worker; `choose_device` picks where that computes
        devices=1,
        workers_per_device=1,
        timeout=30,
        restart_workers=True,
        disable_openapi_url=True,
    )
    server.run(
        host=spec.get("host", "127.0.0.1"),
        port=int(spec["port"]),
        num_api_servers=1,
        api_server_worker_type="process",  # LitServe cannot end its threads
        log_level="warning",
        generate_client_file=False,
    )
    return {"stopped": True}


def _api(spec: dict[str, Any], secret: str) -> GeneratorAPI:
    if "folder" not in spec or "port" not in spec:
        raise BadInput("bad_spec", "the service's description needs a folder and a port")
    return GeneratorAPI(
        Path(spec["folder"]),
        secret=secret,
        threads=spec.get("threads"),
        dtype=spec.get("dtype") or "float32",
        kept=int(spec.get("kept", 4)),
    )


def _tame_fork() -> None:
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt  # LitServe's own way to end


def _interrupt_when_told(report: Reporter) -> None:
    report.wait_for_stop()
    os.kill(os.getpid(), signal.SIGTERM)


def _answer(request: SampleRequest, sampler: Sampler, images: Sequence[SampledImage]) -> Response:
    if request.format == "npz":
        stream = io.BytesIO()
        np.savez(
            stream,
            images=np.stack([image.pixels for image in images]),  # (n, h, w, c) uint8
            index=np.array([image.request.index for image in images]),
            seed=np.array([image.seed for image in images], np.uint64),
        )
        return Response(stream.getvalue(), media_type="application/x-npz")
    return JSONResponse(
        {
            "images": [
                {
                    "index": image.request.index,
                    "class": image.request.class_index,
                    "seed": image.seed,
                    "digest": image.digest,
                    "png": base64.b64encode(image.png).decode("ascii"),
                }
                for image in images
            ],
            "recipe": {**sampler.shared_recipe(), "seed": request.seed, "truncation": request.truncation},
        }
    )


def _refuse(refusal: BadInput) -> Response:
    status = 404 if refusal.code == "unknown_generator" else 422
    return JSONResponse({"code": refusal.code, "detail": refusal.detail}, status_code=status)
