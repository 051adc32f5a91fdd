"""Sampling end to end against what the machine can do; the model service against a bare loop; what precision changes.

A batch runs from its request to its last row, its files durable, in a throw-away home on SQLite. The generator is the one
that comes with SynthLab (64 px, RGB).
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from bench.harness import ROOT, STORE, Aim, Bench, Result, Run, run_alone
from bench.sampling_service import Service, bare_loop, grey_levels

WEIGHTS = ROOT / "generation" / "pretrained" / "ihc-64.safetensors"
COUNT, SMALL = 10_000, 1_000
SAMPLE, REQUEST, CALLERS = 16, 64, 4
MOST_SECONDS = 0.25  # within which 19 of 20 samples of 16 images shall be there

Rows = list[list[str | float | int]]


def measure(run: Run) -> Result:
    """Limit and path in turns, then memory by size, the service, and what another precision changes."""
    count, rounds = (100, 1) if run.quick else (COUNT, 3)
    STORE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sampling-", dir=STORE) as folder:
        speed, rows = _speed(run, Path(folder), count, rounds)
        memory = {} if run.quick else _memory(run, Path(folder), count)
        service, more = _service(run, Path(folder))
    precision = run.cell("precision", lambda: grey_levels(WEIGHTS, 64 if run.quick else 512))
    rows += more
    rows.append(["bfloat16 against float32", "largest difference, grey levels", precision["largest"]])
    rows.append(["bfloat16 against float32", "share of pixels that differ", precision["share"]])
    return Result(
        ratios={**speed, **memory, **service, "grey_levels_of_bfloat16": float(precision["largest"])},
        columns=["what", "measure", "value"],
        rows=rows,
        notes=[
            f"{count} images of 64 px RGB in {rounds} rounds in turns; medians. Seconds of the path include the start of its "
            "processes, those of the limit do not.",
            "The limit runs one process a core, passes of 64, fpng without marks or comparison, one durable write a shard.",
        ],
    )


def _speed(run: Run, folder: Path, count: int, rounds: int) -> tuple[dict[str, float], Rows]:
    """`path_over_limit` in the batch's own precision, and against the limit in bfloat16."""
    spec = {"count": count, "weights": str(WEIGHTS), "folder": str(folder)}
    contenders: dict[str, Callable[[], dict[str, Any]]] = {
        "a batch": lambda: _child("path", spec, folder),
        "limit, float32": lambda: _child("limit", {**spec, "dtype": "float32"}, folder),
        "limit, bfloat16": lambda: _child("limit", {**spec, "dtype": "bfloat16"}, folder),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, child in contenders.items():
            seconds = run.cell(f"{name} {count} {number}", child)["seconds"]
            rates[name].append(count / seconds)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    rows: Rows = [[name, "images a second", value] for name, value in middle.items()]
    return {
        "path_over_limit": middle["a batch"] / middle["limit, float32"],
        "path_over_bfloat16_limit": middle["a batch"] / middle["limit, bfloat16"],
    }, rows


def _memory(run: Run, folder: Path, count: int) -> dict[str, float]:
    """Peak memory of a large batch over that of a small one, worker and child apart."""
    small, large = SMALL, 10 * count
    peaks = {}
    for size in (small, large):
        spec = {"count": size, "weights": str(WEIGHTS), "folder": str(folder)}
        peaks[size] = run.cell(f"memory {size}", partial(_child, "path", spec, folder))
    return {
        f"{who}_memory_of_large_over_small": peaks[large][f"{who}_mib"] / peaks[small][f"{who}_mib"]
        for who in ("worker", "child")
    }


def _service(run: Run, folder: Path) -> tuple[dict[str, float], Rows]:
    """Throughput with callers side by side against a bare loop, and how long a small sample takes."""
    requests, samples = (4, 20) if run.quick else (64, 200)
    found = run.cell("service", lambda: _measured_service(folder, requests, samples))
    rows: Rows = [
        ["model service, 4 callers", "images a second", found["service"]],
        ["bare loop", "images a second", found["bare"]],
        ["16 images from the service", "p95, ms", found["p95"] * 1000],
    ]
    return {
        "service_over_bare_loop": found["service"] / found["bare"],
        "p95_of_16_images_over_250_ms": found["p95"] / MOST_SECONDS,
    }, rows


def _measured_service(folder: Path, requests: int, samples: int) -> dict[str, float]:
    with Service(WEIGHTS, folder) as service:
        service.sample(SAMPLE, seed=0)  # loads the generator
        waits = []
        for seed in range(samples):
            started = time.perf_counter()
            service.sample(SAMPLE, seed=seed)
            waits.append(time.perf_counter() - started)
        started = time.perf_counter()
        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(lambda seed: service.sample(REQUEST, seed=seed), range(requests)))
        rate = requests * REQUEST / (time.perf_counter() - started)
    return {
        "service": rate,
        "bare": bare_loop(WEIGHTS, requests * REQUEST),
        "p95": statistics.quantiles(waits, n=20)[-1],
    }


def _child(verb: str, spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run a part in a process of its own and return its last line."""
    path = folder / f"{verb}.spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-m", "bench.sampling_runs", verb, str(path)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        raise RuntimeError(f"{verb} ended with {outcome.returncode}:\n{outcome.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(outcome.stdout.splitlines()[-1])
    return answer


BENCH = Bench(
    name="sampling",
    title="Sampling: a batch end to end, and the model service",
    minutes=12,
    aims=[
        Aim(ratio="path_over_limit", at_least=0.6),
        Aim(ratio="worker_memory_of_large_over_small", at_most=1.2),
        Aim(ratio="child_memory_of_large_over_small", at_most=1.2),
        Aim(ratio="p95_of_16_images_over_250_ms", at_most=1),
        Aim(ratio="grey_levels_of_bfloat16", at_most=4),
    ],
    measure=measure,
    sources=[
        "bench/sampling_*.py",
        "generation/ml/png.py",
        "generation/ml/sampling.py",
        "generation/ml/serve.py",
        "generation/ml/verbs.py",
        "generation/services/batches.py",
        "generation/services/shards.py",
        "generation/tasks.py",
        "synthlab/core/files.py",
    ],
    quick_seconds=150,
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
