"""The verbs of ``python -m generation.ml``: from a spec to files in the work folder and a JSON-ready result."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from generation.child import BadInput, Reporter, required
from generation.ml.config import TrainConfig
from generation.ml.data import TrainingData, load_training_data
from generation.ml.device import Device, choose_device
from generation.ml.loop import Outcome, train
from generation.ml.sampling import ImageRequest, SampledImage, Sampler
from generation.ml.side_by_side import sample_side_by_side
from generation.ml.weights import load_generator, write_generator
from generation.pixels import pixel_digest

REPORT_EVERY = 100
# Images that are handed over together: enough to share one sync of the file system, few enough to lose.
BLOCK_SIZE = 1000


def train_verb(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Train a generator.

    Args:
        spec: ``work``, ``manifest`` (path), ``config`` (see `TrainConfig.from_request`), ``resume_from`` (checkpoint
            folder or null), ``threads``, ``code_version``.
        report: receives metrics, ``samples`` and ``checkpoint`` artifacts, and a cursor after each checkpoint.

    Returns:
        ``{"stopped", "step", "seconds", "weights", "digest", "card", "costs"}``. A stopped run offers what it has so far.
    """
    work = Path(required(spec, "work"))
    config = TrainConfig.from_request(required(spec, "config"))
    device = choose_device(config.dtype, threads=spec.get("threads"))
    # From here on the run says which precision it is in: weights of another one are other weights.
    config = dataclasses.replace(config, dtype=device.dtype)
    report.progress("loading", 0, 1)
    data = load_training_data(Path(required(spec, "manifest")), config)
    resume_from = spec.get("resume_from")
    code_version = str(spec.get("code_version", ""))
    outcome = train(
        config,
        data,
        device=device,
        work=work,
        report=report,
        code_version=code_version,
        resume_from=Path(resume_from) if resume_from else None,
    )
    path = work / "generator.safetensors"
    digest = write_generator(path, outcome.generator)
    return {
        "stopped": outcome.stopped,
        "step": outcome.step,
        "seconds": round(outcome.seconds, 3),
        "weights": str(path),
        "digest": digest,
        "costs": outcome.costs,
        "card": {**_card(config, data, device, outcome), "code_version": code_version, "digest": digest},
    }


def sample_verb(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Sample images to ``work/images/INDEX.png``.

    Args:
        spec: ``work``, ``weights`` (path), ``generator_digest``, ``seed``, ``truncation``, ``images`` (a list of
            ``{"index", "class"}``), ``threads`` (passes side by side), ``dtype``; ``done``, how many were made before, for
            the progress.
        report: receives progress, and an artifact of the kind ``images`` for each finished block: a file of JSON lines
            ``{"index", "class", "seed", "file", "digest", "pixel_digest", "size", "width", "height"}``. What they share
            stands in ``work/recipe.json`` before the first.

    Returns:
        ``{"count", "manifest", "recipe", "stopped"}``; the manifest holds the lines of all blocks.
    """
    work = Path(required(spec, "work"))
    threads = spec.get("threads") or torch.get_num_threads()
    device = choose_device(spec.get("dtype") or "float32", threads=1)
    weights = Path(required(spec, "weights"))
    generator = load_generator(weights, device=device.torch, expected_digest=spec.get("generator_digest"))
    sampler = Sampler(generator, device)
    requests = _requests(spec)
    shared = {"seed": spec["seed"], "truncation": requests[0].truncation, "device": device.name}
    recipe = {**sampler.shared_recipe(), **shared}
    (work / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    images = sample_side_by_side(sampler, requests, threads=threads)
    with contextlib.closing(images):
        count = _write_images(work, images, report, done=int(spec.get("done", 0)), wanted=len(requests))
    return {
        "count": count,
        "manifest": str(work / "images.jsonl"),
        "recipe": recipe,
        "stopped": count < len(requests),
    }


def _write_images(
    work: Path, images: Iterator[SampledImage], report: Reporter, *, done: int, wanted: int
) -> int:
    """Write the files and their lists, block by block, until done or told to stop; how many it became."""
    (work / "images").mkdir(parents=True, exist_ok=True)
    (work / "blocks").mkdir(exist_ok=True)
    count, block = 0, []
    with (work / "images.jsonl").open("w", encoding="utf-8") as lines:
        for image in images:
            name = f"images/{image.request.index}.png"
            (work / name).write_bytes(image.png)
            block.append(json.dumps(_row(image, name)) + "\n")
            lines.write(block[-1])
            count += 1
            is_last = count == wanted or report.should_stop
            if len(block) == BLOCK_SIZE or is_last:
                report.artifact("images", _write_block(work, count, block))
                block = []
            if count % REPORT_EVERY == 0 or is_last:
                report.progress("sampling", done + count, done + wanted)
            if is_last:
                break
    return count


def _write_block(work: Path, end: int, lines: list[str]) -> Path:
    path = work / "blocks" / f"{end}.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _row(image: SampledImage, name: str) -> dict[str, Any]:
    height, width = image.pixels.shape[:2]
    return {
        "index": image.request.index,
        "class": image.request.class_index,
        "seed": image.seed,
        "file": name,
        "digest": image.digest,
        "pixel_digest": pixel_digest(image.pixels),
        "size": len(image.png),
        "width": width,
        "height": height,
    }


def _requests(spec: Mapping[str, Any]) -> list[ImageRequest]:
    try:
        requests = [
            ImageRequest(
                batch_seed=int(required(spec, "seed")),
                index=int(image["index"]),
                class_index=None if image.get("class") is None else int(image["class"]),
                truncation=float(spec.get("truncation") or 1.0),
            )
            for image in required(spec, "images")
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            "bad_request", "images must be a list of {index, class}, seed and truncation numbers"
        ) from error
    if not requests:
        raise BadInput("no_images", "no images were asked for")
    if len({request.index for request in requests}) < len(requests):
        raise BadInput("bad_index", "an index was asked for twice")
    return requests


def _card(config: TrainConfig, data: TrainingData, device: Device, outcome: Outcome) -> dict[str, Any]:
    classes = {name: int((data.labels == place).sum()) for place, name in enumerate(data.classes)}
    return {
        "config": config.to_dict(),
        "data": {
            "manifest_digest": data.manifest_digest,
            "images": len(data.images),
            "monitor_images": len(data.monitor),
            "scaled_from_16_bits": data.scaled,
            "classes": classes,
        },
        "run": {
            "steps": outcome.step,
            "images_seen": outcome.step * config.batch_size,
            "seconds": round(outcome.seconds, 1),
            "chosen_by": "monitor_kid_pixels" if outcome.best else "last step",
            "chosen": outcome.best,
            "ended_by": outcome.ended_by,
        },
        "machine": {
            "device": device.name,
            "model": device.model,
            "dtype": device.dtype,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        # On a GPU kernels add in no fixed order; with a budget in seconds the machine decides where to stop.
        "is_repeatable": device.name == "cpu" and config.steps is not None,
    }
