"""The training loop: step, look, checkpoint; stop when told, when done, or when it goes wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from generation.child import BadInput, Reporter
from generation.ml.accelerate import compile_networks, uncompiled
from generation.ml.checkpoint import Progress, load_checkpoint, read_best, save_checkpoint
from generation.ml.config import TrainConfig
from generation.ml.data import TrainingData, to_unit
from generation.ml.device import Device
from generation.ml.holdback import FEWEST_CHOOSING_GROUPS
from generation.ml.look import Look, Looker
from generation.ml.memory import is_out_of_memory, peak_bytes
from generation.ml.players import Players
from generation.ml.seeding import DataOrder
from generation.ml.watch import Warned, Watch, monitor_warning
from generation.ml.weights import GeneratorRecord, serialise_generator


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        stopped: True if it was asked to stop before its budget was spent; it can be resumed.
        step: finished steps.
        seconds: time spent, over all attempts.
        generator: bytes of the chosen generator file.
        best: ``{"step", "monitor_kid_pixels"}`` where a monitor slice chose it, else empty.
        ended_by: ``budget``, ``early_stop`` or ``person``.
        costs: what this attempt's steps, looks and checkpoints took; see `Run.costs`.
    """

    stopped: bool
    step: int
    seconds: float
    generator: bytes
    best: dict[str, float]
    ended_by: str
    costs: dict[str, float]


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
    try:
        run = Run(
            config, data, device=device, work=work, report=report, code_version=code_version, clock=clock
        )
        if resume_from is not None:
            run.resume(resume_from)
        return run.play()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise BadInput(
            "out_of_memory",
            f"the memory does not suffice for batches of {config.batch_size} images of {config.image_size} px",
        ) from error


class Run:
    """The state of one attempt; its parts are public so that what they cost can be measured one by one."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingData,
        *,
        device: Device,
        work: Path,
        report: Reporter,
        code_version: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self.data, self.device, self.report, self.clock = config, data, device, report, clock
        self.work, self.code_version = work, code_version
        self.players = Players(config, len(data.classes), device)
        self.looker = Looker(config, data, self.players)
        self.watch = Watch(config)
        self.order = DataOrder(len(data.images), config.seed, data.image_weights(config))
        networks = (self.players.generator, self.players.discriminator)
        self.is_compiled = compile_networks(device, networks, self._trial, report)
        self.step = 0
        self.seconds_before = 0.0
        self.best: dict[str, float] = {}
        self.best_bytes: bytes | None = None
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self.spent: dict[str, list[float]] = {"look": [], "checkpoint": []}
        self.started = self.window_started = clock()
        self.first_step = (0, self.started)

    def resume(self, folder: Path) -> None:
        """Go on where a complete checkpoint of the same run stands."""
        progress = load_checkpoint(
            folder, self.players.parts, self.config.recipe(), self.data.manifest_digest
        )
        self.step, self.seconds_before = progress.step, progress.seconds
        if self.may_choose:
            self.best, self.best_bytes = progress.best, read_best(folder)

    @property
    def seconds(self) -> float:
        """Time spent, over all attempts."""
        return self.seconds_before + self.clock() - self.started

    @property
    def may_choose(self) -> bool:
        """Whether the monitor slice spans enough groups to speak for the data."""
        return self.data.monitor_groups >= FEWEST_CHOOSING_GROUPS

    @property
    def ended_by(self) -> str:
        """What has ended the run; empty while it may go on."""
        config = self.config
        if config.steps is not None and self.step >= config.steps:
            return "budget"
        if config.seconds is not None and self.seconds >= config.seconds:
            return "budget"
        if config.early_stop_checks and self.best:
            # Counted in steps since the best one, so that it falls on the same step in every attempt.
            checks = (self.step - int(self.best["step"])) // config.sample_every
            return "early_stop" if checks >= config.early_stop_checks else ""
        return ""

    def play(self) -> Outcome:
        """Go on until the run has ended or somebody asks it to stop."""
        config = self.config
        self._warn_of_monitor()
        first = self.step
        while not self.ended_by and not self.report.should_stop:
            self.advance()
            if self.step == first + 1:  # the first step also warms everything up
                self.device.wait()
                self.first_step = (self.step, self.clock())
            if self.step % config.metric_every == 0:
                self._publish_metrics()
            # Looking decides which weights are kept, so it must fall on the same steps in every attempt.
            if self.step % config.sample_every == 0:
                self.look()
            if self.step % config.checkpoint_every == 0:
                self.checkpoint()
        ended_by = self.ended_by or "person"
        if ended_by != "person" and self.step % config.sample_every:
            self.look()
        if self.step % config.checkpoint_every:
            self.checkpoint()
        return Outcome(
            stopped=ended_by == "person",
            step=self.step,
            seconds=self.seconds,
            generator=self.best_bytes or self._serialise(),
            best=self.best,
            ended_by=ended_by,
            costs=self.costs(),
        )

    def costs(self) -> dict[str, float]:
        """Seconds of a step, a look and a checkpoint of this attempt, and the most memory it took.

        The first step is left out, and so is what was not measured: an attempt of one step has no ``step_seconds``.
        """
        looks, checkpoints = self.spent["look"], self.spent["checkpoint"]
        step, at = self.first_step
        seconds = self.clock() - at - sum(looks) - sum(checkpoints)
        found = {
            "step_seconds": seconds / (self.step - step) if self.step > step else 0.0,
            "look_seconds": sum(looks) / max(1, len(looks)),
            "checkpoint_seconds": sum(checkpoints) / max(1, len(checkpoints)),
            "peak_bytes": float(peak_bytes(self.device)),
        }
        return {name: value for name, value in found.items() if value > 0}

    def advance(self) -> None:
        """Play one step."""
        config, size = self.config, self.config.batch_size
        chosen = torch.from_numpy(self.order.batch(self.step * size, size))
        real = to_unit(self.data.images[chosen], self.device.torch)
        labels = self.data.labels[chosen].to(self.device.torch) if self.data.classes else None
        has_penalty = config.r1_gamma > 0 and self.step % config.r1_every == 0
        with uncompiled(self.is_compiled and has_penalty):
            facts = self.players.step(self.step, real, labels)
        self.sums = {name: value + self.sums.get(name, 0.0) for name, value in facts.items()}
        self.summed += 1
        self.step += 1

    @contextmanager
    def _spent_on(self, what: str) -> Iterator[None]:
        self.device.wait()  # the steps before are not part of it
        started = self.clock()
        yield
        self.device.wait()
        self.spent[what].append(self.clock() - started)

    def _trial(self) -> None:
        """Both networks forward and backward, as a step runs them."""
        players, device, size = self.players, self.device, self.config.batch_size
        labels = self.data.labels[:1].expand(size).to(device.torch) if self.data.classes else None
        with device.autocast():
            z = torch.ones(size, self.config.latent_size, device=device.torch)
            fake = players.generator(z, labels)
            scores = players.discriminator(fake.float(), labels).float()
        torch.autograd.backward(scores.mean())

    def _warn_of_monitor(self) -> None:
        warned = monitor_warning(len(self.data.monitor), self.data.monitor_groups)
        self._warn([warned] if warned else [])

    def _warn(self, warnings: Iterable[Warned]) -> None:
        for code, detail in warnings:
            self.report.warning(code, detail)

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
                "Clone this run with half the learning rates; resuming it would go the same way again",
            )
        self.report.metric(self.step, {**means, "images_per_s": speed})
        self._warn(self.watch.see_losses(self.step, means))
        self._publish_progress()

    def _publish_progress(self) -> None:
        if self.config.steps is not None:
            done, total = self.step, self.config.steps
        else:
            total = max(1, round(self.config.seconds or 1))
            done = min(total, int(self.seconds))
        self.report.progress("training", done, total, step=self.step, seconds=round(self.seconds, 1))

    def look(self) -> None:
        """Measure and show the averaged generator, and keep it if it is the best so far."""
        with self._spent_on("look"):
            look = self.looker.look()
            path = self.work / "samples" / f"step-{self.step:08d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(look.grid_png)
            self.report.artifact("samples", path, step=self.step)
            memory = {"peak_memory_mib": peak_bytes(self.device) / 2**20}
            self.report.metric(self.step, {**look.metrics, **memory})
            self._keep_if_best(look)
        self._warn(self.watch.see_look(self.step, look.metrics))

    def _keep_if_best(self, look: Look) -> None:
        """Choose the checkpoint by the monitor slice, where it spans enough groups to speak for the data."""
        if not self.may_choose:
            return
        distance = look.metrics.get("monitor_kid_pixels")
        if distance is not None and distance < self.best.get("monitor_kid_pixels", math.inf):
            self.best = {"step": self.step, "monitor_kid_pixels": distance}
            self.best_bytes = self._serialise()

    def checkpoint(self) -> None:
        """Make everything up to this step durable."""
        self._publish_metrics()  # also finds a diverged run before it is stored
        with self._spent_on("checkpoint"):
            self._save()

    def _save(self) -> None:
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
