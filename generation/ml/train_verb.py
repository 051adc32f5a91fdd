"""``python -m generation.ml train``: from a manifest to a generator's file and its card."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from generation.child import Reporter, required
from generation.ml.config import TrainConfig
from generation.ml.data import TrainingData, load_training_data
from generation.ml.device import Device, choose_device
from generation.ml.loop import Outcome, train
from generation.ml.weights import write_generator


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
