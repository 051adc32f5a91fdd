"""The training loop: step, look, checkpoint; stop when told, when done, or when it goes wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from generation.child import BadInput, Reporter
from generation.ml.checkpoint import Progress, load_checkpoint, read_best, save_checkpoint
from generation.ml.config import TrainConfig
from generation.ml.data import TrainingData, to_unit
from generation.ml.device import Device
from generation.ml.look import Look, Looker
from generation.ml.players import Players
from generation.ml.seeding import DataOrder
from generation.ml.weights import GeneratorRecord, serialise_generator

# An untrained generator is allowed to show one picture.
COLLAPSE_GRACE_STEPS = 200
# One block of a slide differs from the others by more than a good checkpoint differs from a bad one: on the demo's
# photograph the distance to a single held-back block grew while the pictures became better.
FEWEST_CHOOSING_GROUPS = 5


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        stopped: True if it was asked to stop before its budget was spent; it can be resumed.
        step: finished steps.
        seconds: time spent, over all attempts.
        generator: bytes of the chosen generator file.
        best: ``{"step", "monitor_kid_pixels"}`` where a monitor slice chose it, else empty.
    """

    stopped: bool
    step: int
    seconds: float
    generator: bytes
    best: dict[str, float]


def train(
    config: TrainConfig,
    data: TrainingData,
    *,
    device: Device,
    work: Path,
    report: Reporter,
    code_version: str,
    resume_from: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Train one generator.

    Args:
        config: what to train and for how long.
        data: images in memory.
        device: where to compute.
        work: folder for ``checkpoints/`` and ``samples/``; nothing is written elsewhere.
        report: gets progress, metrics, sample grids and durable checkpoints, and tells when to stop.
        code_version: recorded in the generator file.
        resume_from: folder of a complete checkpoint of the same config and data.
        clock: seconds, for the budget and the throughput.

    Raises:
        BadInput: ``diverged`` if a loss stops being a number (the last good checkpoint stays), ``out_of_memory``,
            or what `load_checkpoint` refuses.
    """
    run = _Run(config, data, device=device, work=work, report=report, code_version=code_version, clock=clock)
    if resume_from is not None:
        run.resume(resume_from)
    try:
        return run.play()
    except torch.OutOfMemoryError as error:
        raise BadInput(
            "out_of_memory",
            f"a batch of {config.batch_size} does not fit; try {max(4, config.batch_size // 2)}",
        ) from error


class _Run:
    """The state of one attempt."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingData,
        *,
        device: Device,
        work: Path,
        report: Reporter,
        code_version: str,
        clock: Callable[[], float],
    ) -> None:
        self.config, self.data, self.device, self.report, self.clock = config, data, device, report, clock
        self.work, self.code_version = work, code_version
        self.players = Players(config, len(data.classes), device)
        self.looker = Looker(config, data, self.players)
        weights = data.class_weights if config.balance_classes else None
        self.order = DataOrder(len(data.images), config.seed, weights)
        self.step = 0
        self.seconds_before = 0.0
        self.best: dict[str, float] = {}
        self.best_bytes: bytes | None = None
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self.started = self.window_started = clock()

    def resume(self, folder: Path) -> None:
        progress = load_checkpoint(
            folder, self.players.parts, self.config.recipe(), self.data.manifest_digest
        )
        self.step, self.seconds_before = progress.step, progress.seconds
        if self.data.monitor_groups >= FEWEST_CHOOSING_GROUPS:
            self.best, self.best_bytes = progress.best, read_best(folder)

    @property
    def seconds(self) -> float:
        return self.seconds_before + self.clock() - self.started

    @property
    def is_over(self) -> bool:
        if self.config.steps is not None:
            return self.step >= self.config.steps
        return self.config.seconds is not None and self.seconds >= self.config.seconds

    def play(self) -> Outcome:
        config = self.config
        while not self.is_over and not self.report.should_stop:
            self._advance()
            if self.step % config.metric_every == 0:
                self._publish_metrics()
            # Looking decides which weights are kept, so it must fall on the same steps in every attempt.
            if self.step % config.sample_every == 0:
                self._look()
            if self.step % config.checkpoint_every == 0:
                self._checkpoint()
        stopped = not self.is_over
        if not stopped and self.step % config.sample_every:
            self._look()
        if self.step % config.checkpoint_every:
            self._checkpoint()
        return Outcome(
            stopped=stopped,
            step=self.step,
            seconds=self.seconds,
            generator=self.best_bytes or self._serialise(),
            best=self.best,
        )

    def _advance(self) -> None:
        size = self.config.batch_size
        chosen = torch.from_numpy(self.order.batch(self.step * size, size))
        real = to_unit(self.data.images[chosen], self.device.torch)
        labels = self.data.labels[chosen].to(self.device.torch) if self.data.classes else None
        facts = self.players.step(self.step, real, labels)
        self.sums = {name: value + self.sums.get(name, 0.0) for name, value in facts.items()}
        self.summed += 1
        self.step += 1

    def _publish_metrics(self) -> None:
        """Send the means since the last time; stop the run if they are no longer numbers."""
        if not self.summed:
            return
        means = {name: float(total) / self.summed for name, total in self.sums.items()}
        now = self.clock()
        speed = self.summed * self.config.batch_size / max(now - self.window_started, 1e-9)
        self.sums, self.summed, self.window_started = {}, 0, now
        if not all(math.isfinite(value) for value in means.values()):
            raise BadInput(
                "diverged",
                f"the losses stopped being numbers before step {self.step}; the last good checkpoint is kept. "
                "A lower learning rate or the architecture dcgan-s usually helps",
            )
        self.report.metric(self.step, {**means, "images_per_s": speed})
        self._publish_progress()

    def _publish_progress(self) -> None:
        if self.config.steps is not None:
            done, total = self.step, self.config.steps
        else:
            total = max(1, round(self.config.seconds or 1))
            done = min(total, int(self.seconds))
        self.report.progress("training", done, total, step=self.step, seconds=round(self.seconds, 1))

    def _look(self) -> None:
        look = self.looker.look()
        path = self.work / "samples" / f"step-{self.step:08d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(look.grid_png)
        self.report.artifact("samples", path, step=self.step)
        if look.metrics:
            self.report.metric(self.step, look.metrics)
        self._keep_if_best(look)
        if look.is_collapsed and self.step > COLLAPSE_GRACE_STEPS:
            self.report.warning(
                "collapse",
                "the generated images hardly differ from each other; stop, or try a lower learning rate",
            )

    def _keep_if_best(self, look: Look) -> None:
        """Choose the checkpoint by the monitor slice, where it spans enough groups to speak for the data."""
        if self.data.monitor_groups < FEWEST_CHOOSING_GROUPS:
            return
        distance = look.metrics.get("monitor_kid_pixels")
        if distance is not None and distance < self.best.get("monitor_kid_pixels", math.inf):
            self.best = {"step": self.step, "monitor_kid_pixels": distance}
            self.best_bytes = self._serialise()

    def _checkpoint(self) -> None:
        self._publish_metrics()  # also finds a diverged run before it is stored
        progress = Progress(
            step=self.step,
            seconds=self.seconds,
            config=self.config.recipe(),
            manifest_digest=self.data.manifest_digest,
            best=self.best,
        )
        folder = save_checkpoint(self.work / "checkpoints", self.players.parts, progress, self.best_bytes)
        self.report.artifact("checkpoint", folder, step=self.step)
        self.report.cursor({"step": self.step, "checkpoint": str(folder)})

    def _serialise(self) -> bytes:
        config = self.config
        record = GeneratorRecord(
            architecture=config.architecture,
            image_size=config.image_size,
            channels=config.channels,
            latent_size=config.latent_size,
            filters=config.g_filters,
            skip_excitation=config.skip_excitation,
            classes=self.data.classes,
            dataset_manifest_digest=self.data.manifest_digest,
            config=config.recipe(),
            seed=config.seed,
            code_version=self.code_version,
            step=self.step,
        )
        return serialise_generator(self.players.averaged.network, record)
