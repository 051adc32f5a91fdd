"""What `bench.sampling` times, each in a process of its own: `python -m bench.sampling_runs path|limit SPEC.json`.

`path` is everything that a batch goes through, from its request to the last row, in a throw-away home on SQLite. `limit` is
what the same machine shows without any of it: a forward pass and an encoder on every core, one durable write a shard.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from bench.installation import prepare_home

SHARD = 1000  # images that share one durable write
FORWARD = 64  # images in a bare forward pass: nobody waits for the first of them
POLL_SECONDS = 0.1


class PeakMemory:
    """The most resident memory, in MiB, of this process and of all it started, while the block runs."""

    def __init__(self) -> None:
        self.own, self.children = 0.0, 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(POLL_SECONDS):
            self.own = max(self.own, me.memory_info().rss / 2**20)
            try:
                started = sum(child.memory_info().rss for child in me.children(recursive=True))
            except psutil.NoSuchProcess:
                continue  # it ended while we looked
            self.children = max(self.children, started / 2**20)


def run_path(spec: dict[str, Any]) -> dict[str, Any]:
    """A batch of `spec["count"]` images from its request to its end.

    Returns:
        ``{"seconds", "worker_mib", "child_mib"}``; seconds include the start of every process.
    """
    with tempfile.TemporaryDirectory(prefix="synthlab-bench-", dir=spec["folder"]) as home:
        prepare_home(Path(home))
        generator, owner = approved_generator(Path(spec["weights"]))
        from generation.services.batches import request_batch

        with PeakMemory() as peak:
            started = time.perf_counter()
            batch = request_batch(actor=owner, generator=generator, count=spec["count"], seed=7)
            _work_off(batch)
            seconds = time.perf_counter() - started
    return {"seconds": seconds, "worker_mib": peak.own, "child_mib": peak.children}


def approved_generator(weights: Path) -> tuple[Any, Any]:
    """A generator of this file, approved, in the installation at hand; and its owner."""
    from django.utils import timezone
    from safetensors import safe_open

    from generation.models import Dataset, Generator, GeneratorState
    from synthlab.accounts.models import Role, User
    from synthlab.core.files import store_files

    owner = User.objects.create_user(username="bench", password=None, role=Role.SCIENTIST)
    with safe_open(weights, framework="numpy") as file:  # a worker has no torch either
        record = json.loads(file.metadata()["synthlab"])
    (stored,) = store_files([weights])
    generator = Generator.objects.create(
        dataset=Dataset.objects.create(owner=owner, name="bench"),
        name="bench",
        digest=stored.digest,
        size=stored.size,
        architecture=record["architecture"],
        image_size=record["image_size"],
        channels=record["channels"],
        latent_size=record["latent_size"],
        classes=list(record["classes"]),
        state=GeneratorState.APPROVED,
        approved_by=owner,
        approved_at=timezone.now(),
    )
    return generator, owner


def _work_off(batch: Any) -> None:
    """Be the worker until the batch has ended. Without the queue, whose polling is not what is measured."""
    from generation.models import BatchState
    from synthlab.core.jobs import execute
    from synthlab.core.models import Job, JobState

    while batch.state in (BatchState.QUEUED, BatchState.RUNNING):
        waiting = Job.objects.filter(state=JobState.QUEUED).order_by("-parent", "created_at")
        before = waiting.count()
        for job in waiting:
            execute(str(job.pk))
        batch.refresh_from_db()
        if waiting.all().count() == before and batch.state in (BatchState.QUEUED, BatchState.RUNNING):
            raise RuntimeError("the jobs of the batch do not come forward")
    stands = batch.images.count()
    if batch.state != BatchState.SUCCEEDED or stands != batch.count:
        raise RuntimeError(f"the batch is {batch.state} with {stands} of {batch.count} images")


def run_limit(spec: dict[str, Any]) -> dict[str, Any]:
    """Forward, encode, one durable write a shard; one thread on each core; imports and the first pass not counted.

    Returns:
        ``{"seconds"}`` for `spec["count"]` images.
    """
    cores = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    ready, ends = context.Barrier(cores + 1), context.SimpleQueue()
    share = -(-spec["count"] // cores)
    crew = [
        context.Process(
            target=_bare_loop, args=(spec, min(share, spec["count"] - share * place), place, ready, ends)
        )
        for place in range(cores)
    ]
    for worker in crew:
        worker.start()
    ready.wait(300)
    started = time.monotonic()
    for worker in crew:
        worker.join()
    if any(worker.exitcode for worker in crew):
        raise RuntimeError("a process of the limit ended badly")
    # Their own word, on the clock of the machine: the end of a process that holds torch takes long.
    return {"seconds": max(ends.get() for _ in crew) - started}


def _bare_loop(spec: dict[str, Any], count: int, place: int, ready: Any, ends: Any) -> None:
    """One core's share."""
    import fpng
    import numpy as np
    import torch

    from generation.ml.data import to_bytes
    from generation.ml.device import choose_device
    from generation.ml.weights import load_generator

    device = choose_device(spec["dtype"], threads=1)
    generator = load_generator(Path(spec["weights"]), device=device.torch)

    @torch.inference_mode()
    def files() -> list[bytes]:
        with device.autocast():
            images = generator.network(
                torch.randn(FORWARD, generator.record.latent_size, device=device.torch)
            )
        pixels = np.ascontiguousarray(to_bytes(images).permute(0, 2, 3, 1).numpy())
        return [fpng.from_ndarray(one) for one in pixels]

    files()
    ready.wait(300)
    made: list[bytes] = []
    for shard in range(0, count, SHARD):
        size = min(SHARD, count - shard)
        while len(made) < size:
            made += files()
        with (Path(spec["folder"]) / f"limit-{place}-{shard}").open("wb") as file:
            file.write(b"".join(made[:size]))
            file.flush()
            os.fsync(file.fileno())
        del made[:size]
    ends.put(time.monotonic())


if __name__ == "__main__":
    run = {"path": run_path, "limit": run_limit}[sys.argv[1]]
    print(json.dumps(run(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))), flush=True)
