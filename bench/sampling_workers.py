"""One worker against two that take a batch's shards side by side, each with one thread, on PostgreSQL.

The rest is that of a real installation: the queue, its workers, the embedded PostgreSQL, files made durable. That the loss
of a worker loses nothing is tested in `tests/faults/test_batches_killed.py`.
"""

import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

from bench.harness import ROOT, Aim, Bench, Result, Run, run_alone
from bench.installation import finished
from bench.processes import postgres

WEIGHTS = ROOT / "generation" / "pretrained" / "ihc-64.safetensors"
WORKERS = (1, 2)


def measure(run: Run) -> Result:
    """The same batch by one worker and by two, in turns."""
    count, shard, rounds = (200, 50, 1) if run.quick else (10_000, 2_500, 3)
    seconds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for number in range(rounds):
        for workers in WORKERS:
            key = f"{workers} {count} {number}"
            seconds[workers].append(run.cell(key, partial(_batch, workers, count, shard)))
    middle = {workers: statistics.median(times) for workers, times in seconds.items()}
    return Result(
        ratios={"two_workers_over_one": middle[1] / middle[2]},
        columns=["workers", "images a second", "median s", "fastest s", "slowest s"],
        rows=[
            [workers, count / middle[workers], middle[workers], min(times), max(times)]
            for workers, times in seconds.items()
        ],
        notes=[
            f"{count} images of 64 px RGB in shards of {shard}, {rounds} rounds in turns; one thread a worker, "
            f"{os.cpu_count()} cores, which also hold PostgreSQL. From the request to the last row; each shard starts "
            "its process.",
        ],
    )


def _batch(workers: int, count: int, shard: int) -> float:
    """Seconds that a batch takes in a new installation with so many workers."""
    with tempfile.TemporaryDirectory(prefix="synthlab-bench-") as folder, postgres(Path(folder)) as url:
        answer = finished(
            "bench.sampling_workers_runs",
            {"weights": str(WEIGHTS), "count": count},
            DATABASE_URL=url,
            SYNTHLAB_LONG_WORKERS=str(workers),
            SYNTHLAB_TORCH_THREADS="1",
            SYNTHLAB_SHARD_IMAGES=str(shard),
        )
    return float(answer["seconds"])


BENCH = Bench(
    name="sampling_workers",
    title="Sampling: two workers side by side",
    minutes=8,
    aims=[Aim(ratio="two_workers_over_one", at_least=1.5)],
    measure=measure,
    sources=[
        "bench/sampling_workers_runs.py",
        "bench/sampling_runs.py",
        "generation/ml/sampling.py",
        "generation/ml/sample_verb.py",
        "generation/services/shards.py",
        "synthlab/core/children.py",
        "synthlab/core/files.py",
        "synthlab/core/numerics.py",
    ],
    quick_seconds=120,
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
