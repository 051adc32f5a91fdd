"""One contender's run: trained to a mark, sampled, judged. As a script it is the child that trains.

A budget is processor time, not time on the clock: whatever else the machine does takes nothing from a contender, so runs
may go on side by side. On a GPU, where the processor only waits, it is time on the clock.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import lightweight_gan
from bench.harness import ROOT, STORE
from bench.training_sets import ImageSet

SAMPLES = 500
SAMPLE_SEED = 7
NEVER = 1_000_000  # a step no run reaches: looks and checkpoints come at the marks only

CONTENDERS: dict[str, dict[str, Any]] = {
    # As pytorch/examples has it: 64 filters, batches of 64, float32, no averaging.
    "dcgan": {"architecture": "dcgan", "dtype": "float32"},
    "dcgan-s": {"architecture": "dcgan-s"},
}
PEER = "lightweight-gan"
HAS_GPU = shutil.which("nvidia-smi") is not None


def draw_at(
    mark: float, images: ImageSet, contender: str, seed: int, work: Path, count: int = SAMPLES
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Go on with a run until it has spent `mark` seconds, then draw `count` images.

    Returns:
        ``{"images_per_s", "peak_mib"}``, peak memory being that since the mark before; and the images as the evaluation
        takes them.
    """
    if contender == PEER:
        return _draw_peer(mark, images, seed, work, count)
    config = {
        **CONTENDERS[contender],
        "image_size": 64,
        "channels": 3,
        "seed": seed,
        "seconds": mark,
        "sample_every": NEVER,
        "checkpoint_every": 500,
    }
    spec = {"manifest": str(images.manifest), "config": config, "work": str(work)}
    result, peak_mib = _child([sys.executable, "-m", "bench.training_runs"], spec, work)
    drawn = sample(Path(result["weights"]), work / f"drawn-{mark:g}", count)
    return _facts(result, result.get("peak_mib") or peak_mib), drawn


def _draw_peer(
    mark: float, images: ImageSet, seed: int, work: Path, count: int
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    pictures = work / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for entry in images.training:
        (pictures / f"{entry['digest']}.png").write_bytes(Path(entry["path"]).read_bytes())
    spec = {"work": str(work), "images": str(pictures), "seed": seed, "seconds": mark, "count": count}
    python = lightweight_gan.environment(STORE / "lightweight-gan")
    result, _ = _child([str(python), str(Path(lightweight_gan.__file__))], spec, work)
    kept = work / f"drawn-{mark:g}"
    Path(result["folder"]).rename(kept)
    drawn = [{"id": path.stem, "path": str(path), "class": None} for path in sorted(kept.iterdir())]
    return _facts(result, result["peak_mib"]), drawn


def _facts(result: Mapping[str, Any], peak_mib: int) -> dict[str, float]:
    return {
        "images_per_s": result["step"] * result["batch_size"] / result["seconds"],
        "peak_mib": peak_mib,
    }


def _child(command: Sequence[str], spec: Mapping[str, Any], work: Path) -> tuple[dict[str, Any], int]:
    """Run a child on a spec; its result, and its peak memory in MiB."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / "run.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (work / "log").open("a") as log:
        child = subprocess.Popen([*command, str(path)], cwd=ROOT, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        last = (work / "log").read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise RuntimeError(f"a run ended with status {child.returncode}: {' '.join(last)}")
    return json.loads((work / "result.json").read_text(encoding="utf-8")), usage.ru_maxrss // 1024


def sample(weights: Path, work: Path, count: int) -> list[dict[str, Any]]:
    """Draw images from a generator file, as the evaluation takes them."""
    from generation.pretrained.__main__ import run_verb

    spec = {
        "weights": str(weights),
        "generator_digest": None,
        "seed": SAMPLE_SEED,
        "images": [{"index": index, "class": None} for index in range(count)],
        "threads": 1,
    }
    result = run_verb("generation.ml", "sample", work, spec)
    lines = Path(result["manifest"]).read_text(encoding="utf-8").splitlines()
    return [
        {"id": str(row["index"]), "path": str(work / row["file"]), "class": None}
        for row in map(json.loads, lines)
    ]


def judge(
    synthetic: Sequence[Mapping[str, Any]], images: ImageSet, work: Path, features: Path
) -> dict[str, float]:
    """KID, FD and coverage against the validation images beside their floors, and the share flagged as copies."""
    from generation.pretrained.__main__ import run_verb

    spec = {
        "features": str(features),
        "synthetic": synthetic,
        "reference": images.validation,
        "training": images.training,
        "symmetries": "dihedral",
        "seed": 0,
        "threads": 1,
    }
    result = run_verb("evaluation.ml", "evaluate", work, spec)
    report = json.loads(Path(result["report"]).read_text(encoding="utf-8"))
    rows = {row["metric"]: row for row in report["results"]}
    lines = Path(result["scores"]).read_text(encoding="utf-8").splitlines()
    flagged = [{"copy", "identical"} & set(json.loads(line)["flags"]) for line in lines]
    return {
        "kid": rows["kid"]["value"],
        "kid_floor": rows["kid"]["floor"],
        "fd": rows["fd"]["value"],
        "fd_floor": rows["fd"]["floor"],
        "coverage": rows["coverage"]["value"],
        "coverage_floor": rows["coverage"]["floor"],
        "copies": sum(map(bool, flagged)) / len(flagged),
    }


def _train(spec: Mapping[str, Any]) -> None:
    """Inside the child: the ordinary training loop, with the processor's clock."""
    import torch

    from generation.child import Reporter
    from generation.ml.config import TrainConfig
    from generation.ml.data import load_training_data
    from generation.ml.device import choose_device
    from generation.ml.loop import train

    work = Path(spec["work"])
    config = TrainConfig.from_request(spec["config"])
    checkpoints = sorted((work / "checkpoints").glob("step-*"))
    outcome = train(
        config,
        load_training_data(Path(spec["manifest"]), config),
        device=choose_device(config.dtype, threads=1),
        work=work,
        report=Reporter(sys.stdout.write),
        code_version="bench",
        resume_from=checkpoints[-1] if checkpoints else None,
        clock=time.monotonic if torch.cuda.is_available() else time.process_time,
    )
    weights = work / f"at-{spec['config']['seconds']:g}.safetensors"
    weights.write_bytes(outcome.generator)
    result = {
        "peak_mib": torch.cuda.max_memory_allocated() // 2**20 if torch.cuda.is_available() else 0,
        "weights": str(weights),
        "step": outcome.step,
        "seconds": outcome.seconds,
        "batch_size": config.batch_size,
    }
    (work / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    _train(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
