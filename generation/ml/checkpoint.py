"""Complete, atomic checkpoints: a folder either is there whole or is not there.

``step-00001000/`` holds ``state.safetensors`` (both networks, the average, both optimisers, the random state),
``state.json`` (config, position, what was best) and, once one was chosen, ``best.safetensors``. No pickle anywhere.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from generation.child import BadInput

KEPT = 2  # whoever copies the last but one must not have it deleted under their hands

_ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands, apart from its tensors.

    Attributes:
        step: finished steps; also the position in the order of the data (step × batch size images seen).
        seconds: time spent so far, over all attempts.
        config: the run's `TrainConfig.recipe`; a checkpoint of another one is refused.
        manifest_digest: the data it was trained on; likewise.
        best: ``{"step", "monitor_kid_pixels"}`` of the generator in ``best.safetensors``, or empty.
    """

    step: int
    seconds: float
    config: dict[str, Any]
    manifest_digest: str
    best: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The live objects that a checkpoint stores and restores in place."""

    generator: nn.Module
    discriminator: nn.Module
    averaged: nn.Module
    g_optimiser: torch.optim.Optimizer
    d_optimiser: torch.optim.Optimizer
    rng: torch.Generator


def save_checkpoint(folder: Path, parts: Parts, progress: Progress, best: bytes | None) -> Path:
    """Write a checkpoint under `folder` and drop all but the newest `KEPT`.

    Args:
        folder: where the run's checkpoints stand; made if missing.
        parts: what to store.
        progress: where the run stands.
        best: the bytes of the chosen generator file so far, if any.

    Returns:
        The finished checkpoint's folder.
    """
    final = folder / f"step-{progress.step:08d}"
    temporary = folder / f".{final.name}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_file(_tensors(parts), temporary / "state.safetensors")
    (temporary / "state.json").write_text(json.dumps(asdict(progress), sort_keys=True, indent=1))
    if best is not None:
        (temporary / "best.safetensors").write_bytes(best)
    for path in [*temporary.iterdir(), temporary]:
        _sync(path)
    shutil.rmtree(final, ignore_errors=True)  # the same step again, after a resume
    temporary.rename(final)
    _sync(folder)
    for old in sorted(folder.glob("step-*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load_checkpoint(folder: Path, parts: Parts, config: dict[str, Any], manifest_digest: str) -> Progress:
    """Restore `parts` in place.

    Raises:
        BadInput: ``bad_checkpoint`` if it is damaged; ``other_run`` if it belongs to another config or data set.
    """
    try:
        progress = Progress(**json.loads((folder / "state.json").read_text()))
        tensors = load_file(folder / "state.safetensors")
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise BadInput("bad_checkpoint", "the checkpoint to resume from is damaged or missing") from error
    if (progress.config, progress.manifest_digest) != (config, manifest_digest):
        raise BadInput("other_run", "the checkpoint belongs to a run with other settings or other images")
    try:
        _restore(parts, tensors)
    except (RuntimeError, KeyError) as error:
        raise BadInput("bad_checkpoint", "the checkpoint does not fit this run's networks") from error
    return progress


def read_best(folder: Path) -> bytes | None:
    """The chosen generator file that a checkpoint carries, if it has one."""
    path = folder / "best.safetensors"
    return path.read_bytes() if path.exists() else None


def _modules(parts: Parts) -> dict[str, nn.Module]:
    return {"generator": parts.generator, "discriminator": parts.discriminator, "averaged": parts.averaged}


def _optimisers(parts: Parts) -> dict[str, torch.optim.Optimizer]:
    return {"g_optimiser": parts.g_optimiser, "d_optimiser": parts.d_optimiser}


def _tensors(parts: Parts) -> dict[str, Tensor]:
    tensors = {"rng": parts.rng.get_state()}
    for name, module in _modules(parts).items():
        tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
    for name, optimiser in _optimisers(parts).items():
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{number}.{key}": state[key] for key in _ADAM_STATE}
    return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}


def _restore(parts: Parts, tensors: dict[str, Tensor]) -> None:
    def under(name: str) -> dict[str, Tensor]:
        return {
            key.removeprefix(f"{name}."): value
            for key, value in tensors.items()
            if key.startswith(f"{name}.")
        }

    parts.rng.set_state(tensors["rng"])
    for name, module in _modules(parts).items():
        module.load_state_dict(under(name))
    for name, optimiser in _optimisers(parts).items():
        stored = under(name)
        numbers = sorted({int(key.split(".")[0]) for key in stored})
        state = {number: {key: stored[f"{number}.{key}"] for key in _ADAM_STATE} for number in numbers}
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
