"""A running model service, as its own process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a secret for this test only"
START_SECONDS = 90


class Service:
    """`python -m generation.ml serve` on a folder of generators, on a free port.

    Args:
        folder: holds ``DIGEST.safetensors``.
        secret: what it is started with.
        spec: further members of its description.
    """

    def __init__(self, folder: Path, *, secret: str = SECRET, **spec: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        path = folder / "serve.json"
        path.write_text(
            json.dumps({"work": str(folder), "folder": str(folder), "port": port, "threads": 1, **spec})
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "generation.ml", "serve", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "SYNTHLAB_MODEL_SERVICE_SECRET": secret},
        )
        headers = {"X-Model-Service-Secret": secret}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def wait_ready(self) -> None:
        def answers() -> bool:
            assert self.process.poll() is None, "the service ended"
            try:
                return self.client.get("/health").status_code == 200
            except httpx.HTTPError:
                return False

        assert holds_within(START_SECONDS, answers), "the service did not become ready"

    def sample(self, digest: str, **body: Any) -> httpx.Response:
        return self.client.post("/sample", json={"digest": digest, **body})

    def metric(self, name: str) -> float:
        """The value of a line of ``/metrics``, by name and labels."""
        lines = self.client.get("/metrics").raise_for_status().text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).rsplit(" ", 1)[1])

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def worker(self) -> psutil.Process:
        """The process that makes the images."""
        (worker,) = [one for one in self.family() if any("spawn_main" in part for part in one.cmdline())]
        return worker

    def close(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


def holds_within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def nothing_left(processes: list[psutil.Process], seconds: float = 5) -> bool:
    def are_gone() -> bool:
        return not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    return holds_within(seconds, are_gone)
