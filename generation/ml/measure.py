"""What a run will cost on this machine, measured in a few steps; and which batch size fits, tried out.

The images are random: what a step costs does not depend on what they show. Nothing of a real data set is read.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from generation.child import BadInput, Reporter
from generation.ml.config import TrainConfig
from generation.ml.cost import Costs
from generation.ml.data import TrainingData
from generation.ml.device import Device
from generation.ml.holdback import FEWEST_CHOOSING_GROUPS
from generation.ml.loop import Run
from generation.ml.memory import is_out_of_memory, peak_bytes

BLOCK_STEPS = 3
FEWEST_BLOCKS = 3
MOST_BLOCKS = 12
ENOUGH_SECONDS = 4.0
MOST_IMAGES = 4096  # more are only more of the same bytes


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured, and what it took in memory."""

    costs: Costs
    peak_bytes: int


def random_data(config: TrainConfig, *, images: int, monitor: int, classes: int) -> TrainingData:
    """Noise of the right shape.

    Args:
        config: image size and channels.
        images: of the training split.
        monitor: of the slice that is kept aside.
        classes: 0 for a run without.
    """
    rng = torch.Generator().manual_seed(0)

    def noise(count: int) -> torch.Tensor:
        shape = (min(count, MOST_IMAGES), config.channels, config.image_size, config.image_size)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)

    training, kept = noise(images), noise(monitor)
    return TrainingData(
        images=training,
        labels=torch.arange(len(training)) % max(1, classes),
        monitor=kept,
        monitor_labels=torch.arange(len(kept)) % max(1, classes),
        monitor_groups=min(len(kept), FEWEST_CHOOSING_GROUPS),
        classes=tuple(f"class {place:04}" for place in range(classes)),
        manifest_digest="",
    )


def measure(
    config: TrainConfig,
    data: TrainingData,
    *,
    device: Device,
    start_seconds: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Measurement:
    """Play a few steps, one look and one checkpoint, and time each.

    Args:
        config: the run's settings; targets of classes do not matter.
        data: see `random_data`.
        device: where the run would be.
        start_seconds: what the process has taken so far.
        clock: seconds.
    """
    built = clock()
    with _silent_run(config, data, device, clock) as run:
        run.advance()  # with the penalty, which is due at step 0; warms everything up
        run.advance()
        device.wait()
        start_seconds += clock() - built
        blocks = _blocks(run, device, clock)
        penalty = _penalty_seconds(run, device, clock, fmean(blocks))
        _look_and_save(run)
        spent = run.spent
    return Measurement(
        costs=Costs(
            start_seconds=start_seconds,
            step_seconds=fmean(blocks) + penalty,
            step_seconds_low=min(blocks) + penalty,
            step_seconds_high=max(blocks) + penalty,
            look_seconds=spent["look"][0],
            checkpoint_seconds=spent["checkpoint"][0],
        ),
        peak_bytes=peak_bytes(device),
    )


@contextmanager
def _silent_run(
    config: TrainConfig, data: TrainingData, device: Device, clock: Callable[[], float] = time.monotonic
) -> Iterator[Run]:
    """A run that nobody hears of, and of which nothing stays."""
    with tempfile.TemporaryDirectory(prefix="synthlab-measure-") as folder:
        yield Run(
            config,
            data,
            device=device,
            work=Path(folder),
            report=Reporter(lambda line: None),
            code_version="",
            clock=clock,
        )


def _look_and_save(run: Run) -> None:
    run.look()
    run.summed = 0  # noise may make any loss; what it was is nobody's concern
    run.checkpoint()


def _blocks(run: Run, device: Device, clock: Callable[[], float]) -> list[float]:
    """Seconds of a step without the penalty, by stretches of a few."""
    blocks: list[float] = []
    while len(blocks) < FEWEST_BLOCKS or (
        sum(blocks) * BLOCK_STEPS < ENOUGH_SECONDS and len(blocks) < MOST_BLOCKS
    ):
        started = clock()
        for _ in range(BLOCK_STEPS):
            run.step = 1  # a step on which the penalty is not due
            run.advance()
        device.wait()
        blocks.append((clock() - started) / BLOCK_STEPS)
    return blocks


def _penalty_seconds(run: Run, device: Device, clock: Callable[[], float], plain: float) -> float:
    """What the lazy penalty adds to the mean step."""
    config = run.config
    if config.r1_gamma == 0 or config.r1_every == 1:
        return 0.0  # never due, or in every step that was measured already
    run.step = 0
    started = clock()
    run.advance()
    device.wait()
    return max(0.0, clock() - started - plain) / config.r1_every


def require_fit(config: TrainConfig, data: TrainingData, *, device: Device) -> int:
    """Play one step with the penalty and one look, and say how much memory it took at most.

    Raises:
        BadInput: ``out_of_memory``.
    """
    try:
        with _silent_run(config, data, device) as run:
            run.advance()
            _look_and_save(run)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise BadInput("out_of_memory", f"batches of {config.batch_size} do not fit either") from error
    return peak_bytes(device)
