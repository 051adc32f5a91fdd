"""The model service as a process, a bare loop beside it, and what another precision changes."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bench.harness import ROOT
from generation.ml.device import choose_device
from generation.ml.replay import compare
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.weights import load_generator

SECRET_HEADER, SECRET_VARIABLE = "X-Model-Service-Secret", "SYNTHLAB_MODEL_SERVICE_SECRET"
START_SECONDS = 120


class Service:
    """`python -m generation.ml serve` with one generator, on a free port of loopback.

    Args:
        weights: the generator.
        folder: where its files may be.
    """

    def __init__(self, weights: Path, folder: Path) -> None:
        generator = load_generator(weights, device=choose_device("float32").torch)
        self._digest, self._folder = generator.digest, folder / "service"
        self._folder.mkdir()
        shutil.copy(weights, self._folder / f"{self._digest}.safetensors")

    def __enter__(self) -> "Service":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        spec = self._folder / "serve.json"
        spec.write_text(json.dumps({"folder": str(self._folder), "work": str(self._folder), "port": port}))
        secret = secrets.token_urlsafe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "generation.ml", "serve", str(spec)],
            cwd=ROOT,
            env={**os.environ, SECRET_VARIABLE: secret},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={SECRET_HEADER: secret}, timeout=60, trust_env=False
        )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._process.stdin:
            self._process.stdin.close()  # its parent is gone: it ends
        self._process.wait(30)

    def sample(self, count: int, *, seed: int) -> dict[str, Any]:
        """So many images as the service gives them."""
        body = {"digest": self._digest, "seed": seed, "count": count}
        answer: dict[str, Any] = self._client.post("/sample", json=body).raise_for_status().json()
        return answer

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if self._client.get("/health").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError("the model service did not come up")


def bare_loop(weights: Path, count: int) -> float:
    """Finished files a second of one sampler in this process."""
    device = choose_device("float32")
    sampler = Sampler(load_generator(weights, device=device.torch), device)
    requests = [ImageRequest(batch_seed=1, index=index) for index in range(count)]
    list(sampler.sample(requests[:64]))
    started = time.perf_counter()
    for _ in sampler.sample(requests):
        pass
    return count / (time.perf_counter() - started)


def grey_levels(weights: Path, count: int) -> dict[str, float]:
    """How far the same recipes come out apart in bfloat16 and float32: the largest difference, the share of pixels."""
    made = []
    for dtype in ("float32", "bfloat16"):
        device = choose_device(dtype)
        sampler = Sampler(load_generator(weights, device=device.torch), device)
        made.append(list(sampler.sample([ImageRequest(batch_seed=1, index=index) for index in range(count)])))
    found = [compare(first.pixels, second.pixels) for first, second in zip(*made, strict=True)]
    return {
        "largest": max(one["max_difference"] for one in found),
        "share": sum(one["share"] for one in found) / len(found),
    }
