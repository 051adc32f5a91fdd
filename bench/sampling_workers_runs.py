"""What `bench.sampling_workers` times: `python -m bench.sampling_workers_runs SPEC.json` on the database of its environment."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.installation import prepare_home
from bench.sampling_runs import approved_generator

PATIENCE_SECONDS = 600


def main(spec: dict[str, Any]) -> dict[str, float]:
    """A batch of `spec["count"]` images by the workers of the lane for long jobs.

    Returns:
        ``{"seconds"}`` from the request to the last row; the workers had something to do before.
    """
    home = Path(spec["home"])
    prepare_home(home)
    generator, owner = approved_generator(Path(spec["weights"]))
    from generation.services.batches import request_batch

    with _workers(home / "worker.log"):
        _wait_for(request_batch(actor=owner, generator=generator, count=1, seed=1))
        started = time.perf_counter()
        _wait_for(request_batch(actor=owner, generator=generator, count=spec["count"], seed=7))
        return {"seconds": time.perf_counter() - started}


@contextmanager
def _workers(log: Path) -> Iterator[None]:
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "synthlab", "run-worker", "--lane", "long"], stdout=file, stderr=file
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(batch: Any) -> None:
    from generation.models import BatchState

    end = time.monotonic() + PATIENCE_SECONDS
    while batch.state in (BatchState.QUEUED, BatchState.RUNNING):
        if time.monotonic() > end:
            raise RuntimeError(f"the batch is still {batch.state}")
        time.sleep(0.05)
        batch.refresh_from_db(fields=["state"])
    if batch.state != BatchState.SUCCEEDED:
        raise RuntimeError(f"the batch is {batch.state}: {batch.job.error}")


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))), flush=True)
