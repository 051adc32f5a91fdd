"""How long a run will take: what decides it, and the arithmetic from measured parts to minutes. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.ml.config import BUDGET_FIELDS, TrainConfig

# Settings that change what is computed, but not how much of it. Everything else counts, also what is yet to come.
FREE_FIELDS = frozenset(
    {
        *BUDGET_FIELDS, "seed", "g_lr", "d_lr", "lr_decay_kimg", "beta1", "beta2", "balance_classes", "class_targets", "metric_every",
        "sample_every", "checkpoint_every",
    }
)  # fmt: skip
# A machine that does other work as well was seen to be slower by this much from one minute to the next.
SHORT_MEASUREMENT = 0.25
WHOLE_RUN = 0.1


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Measured parts of a run, in seconds.

    Attributes:
        start_seconds: from the start of the process to the first step.
        step_seconds: one step, with its share of the lazy penalty.
        step_seconds_low, step_seconds_high: the fastest and the slowest stretch that was measured.
        look_seconds: one look with its grid.
        checkpoint_seconds: one complete checkpoint.
        is_whole_run: whether a real run was measured, not a few steps.
    """

    start_seconds: float
    step_seconds: float
    step_seconds_low: float
    step_seconds_high: float
    look_seconds: float
    checkpoint_seconds: float
    is_whole_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds a run will take: as measured, and between which bounds."""

    seconds: float
    low: float
    high: float


def cost_digest(config: TrainConfig, *, classes: int) -> str:
    """Names everything that decides what a step costs; runs of the same name take the same time on the same machine.

    Args:
        config: the run's settings.
        classes: how many the networks know; 0 for a run without.
    """
    deciding: dict[str, Any] = {k: v for k, v in config.to_dict().items() if k not in FREE_FIELDS}
    text = json.dumps({**deciding, "classes": classes}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def parts_of(config: TrainConfig) -> Mapping[str, int] | None:
    """How many steps, looks and checkpoints a run has; None where a budget in seconds decides."""
    if config.steps is None:
        return None
    return {
        "steps": config.steps,
        "looks": -(-config.steps // config.sample_every),
        "checkpoints": -(-config.steps // config.checkpoint_every),
    }


def estimate(config: TrainConfig, costs: Costs) -> Estimate:
    """The sum of the parts; without an early stop, which only makes it shorter.

    The bounds take the fastest and slowest stretch, widened: a short measurement saw little of what else the machine does.
    """
    parts = parts_of(config)
    if parts is None:
        seconds = float(config.seconds or 0)
        return Estimate(seconds=seconds, low=seconds, high=seconds + costs.start_seconds + costs.look_seconds)
    rest = (
        costs.start_seconds
        + parts["looks"] * costs.look_seconds
        + parts["checkpoints"] * costs.checkpoint_seconds
    )
    margin = WHOLE_RUN if costs.is_whole_run else SHORT_MEASUREMENT
    return Estimate(
        seconds=rest + parts["steps"] * costs.step_seconds,
        low=(rest + parts["steps"] * costs.step_seconds_low) * (1 - margin),
        high=(rest + parts["steps"] * costs.step_seconds_high) * (1 + margin),
    )
