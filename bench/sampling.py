"""Sampling end to end against what the machine can do, its memory by size, and what another precision changes.

A batch runs from its request to its last row, its files durable, in a throw-away home on SQLite. The generator is the one
that comes with SynthLab (64 px, RGB).
"""

import statistics
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from bench.harness import ROOT, STORE, Aim, Bench, OutOfTimeError, Result, Run, run_alone
from bench.processes import answer_of
from generation.ml.device import choose_device
from generation.ml.replay import compare
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.weights import load_generator

WEIGHTS = ROOT / "generation" / "pretrained" / "ihc-64.safetensors"
COUNT, SMALL = 10_000, 1_000

Rows = list[list[str | float | int]]


def measure(run: Run) -> Result:
    """Limit and path in turns, then what another precision changes, then memory by size; what the time allows."""
    count, rounds = (100, 1) if run.quick else (COUNT, 3)
    STORE.mkdir(parents=True, exist_ok=True)
    ratios: dict[str, float] = {}
    rows: Rows = []
    is_complete = False
    with tempfile.TemporaryDirectory(prefix="sampling-", dir=STORE) as folder, suppress(OutOfTimeError):
        _speed(run, Path(folder), count, rounds, ratios, rows)
        _precision(run, ratios, rows)
        if not run.quick:
            ratios |= _memory(run, Path(folder), count)
        is_complete = True
    notes = [
        f"{count} images of 64 px RGB, {rounds} rounds in turns; medians. Seconds of the path include the start of its "
        "processes, those of the limit do not.",
        "The limit runs one process a core, passes of 64, fpng without marks or comparison, one durable write a shard.",
    ]
    if not is_complete:
        notes.append("Not all was measured yet: the column of rounds says how many stand behind a row.")
    return Result(
        ratios=ratios,
        columns=["what", "measure", "value", "rounds"],
        rows=rows,
        notes=notes,
        is_complete=is_complete,
    )


def _speed(run: Run, folder: Path, count: int, rounds: int, ratios: dict[str, float], rows: Rows) -> None:
    """`path_over_limit` in the batch's own precision, and against the limit in bfloat16, of whole rounds."""
    spec = {"count": count, "weights": str(WEIGHTS), "folder": str(folder)}
    contenders: dict[str, Callable[[], dict[str, Any]]] = {
        "a batch": lambda: _child("path", spec, folder),
        "limit, float32": lambda: _child("limit", {**spec, "dtype": "float32"}, folder),
        "limit, bfloat16": lambda: _child("limit", {**spec, "dtype": "bfloat16"}, folder),
    }
    whole: list[dict[str, float]] = []
    try:
        for number in range(rounds):
            whole.append(
                {
                    name: count / run.cell(f"{name} {count} {number}", child)["seconds"]
                    for name, child in contenders.items()
                }
            )
    finally:
        if whole:
            middle = {name: statistics.median(one[name] for one in whole) for name in contenders}
            rows += [[name, "images a second", value, len(whole)] for name, value in middle.items()]
            ratios["path_over_limit"] = middle["a batch"] / middle["limit, float32"]
            ratios["path_over_bfloat16_limit"] = middle["a batch"] / middle["limit, bfloat16"]


def _precision(run: Run, ratios: dict[str, float], rows: Rows) -> None:
    """What bfloat16 changes against float32. No aim: it is a property of a generator, not of the code."""
    found = run.cell("precision", lambda: grey_levels(32 if run.quick else 512))
    ratios["grey_levels_of_bfloat16"] = float(found["largest"])
    rows.append(["bfloat16 against float32", "largest difference, grey levels", found["largest"], 1])
    rows.append(["bfloat16 against float32", "share of pixels that differ", found["share"], 1])


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


def grey_levels(count: int) -> dict[str, float]:
    """How far the same recipes come out apart in bfloat16 and float32: the largest difference, the share of pixels."""
    made = []
    for dtype in ("float32", "bfloat16"):
        device = choose_device(dtype)
        sampler = Sampler(load_generator(WEIGHTS, device=device.torch), device)
        made.append(list(sampler.sample([ImageRequest(batch_seed=1, index=index) for index in range(count)])))
    found = [compare(first.pixels, second.pixels) for first, second in zip(*made, strict=True)]
    return {
        "largest": max(one["max_difference"] for one in found),
        "share": sum(one["share"] for one in found) / len(found),
    }


def _child(verb: str, spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One measurement in a process of its own."""
    return answer_of("bench.sampling_runs", verb, spec=spec, folder=folder)


BENCH = Bench(
    name="sampling",
    title="Sampling: a batch end to end",
    minutes=12,
    aims=[
        Aim(ratio="path_over_limit", at_least=0.6),
        Aim(ratio="worker_memory_of_large_over_small", at_most=1.2),
        Aim(ratio="child_memory_of_large_over_small", at_most=1.2),
    ],
    measure=measure,
    sources=[
        "bench/sampling_runs.py",
        "generation/ml/png.py",
        "generation/ml/sampling.py",
        "generation/ml/side_by_side.py",
        "generation/ml/sample_verb.py",
        "generation/services/batches.py",
        "generation/services/shards.py",
        "generation/tasks.py",
        "synthlab/core/files.py",
        "synthlab/core/numerics.py",
    ],
    quick_seconds=150,
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
