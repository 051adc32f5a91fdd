"""How long a training would take here: what is known, and a short measurement where nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generation.ml.config import PRESETS, TrainConfig
from generation.ml.cost import Costs, cost_digest, estimate, parts_of
from generation.models import CostMeasurement, CostSource, Dataset, Training
from generation.services.access import require_use
from generation.services.cloning import settings_of_clone
from generation.services.preflight import Preflight, check_start, checked_config
from synthlab.accounts.models import User
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job
from synthlab.version import code_version

KIND = "measurement"
# Which measurement a request asks for.
MEASURE = ("never", "missing", "again")
# The measured parts that a run must have had for its pace to be worth keeping.
_PARTS = ("step_seconds", "look_seconds", "checkpoint_seconds", "peak_bytes")


@dataclass(frozen=True, kw_only=True)
class PresetEstimate:
    """What one preset would take with the settings asked about; `known` is None where nothing was measured."""

    name: str
    config: TrainConfig
    key: str
    known: CostMeasurement | None

    def to_json(self) -> dict[str, Any]:
        """As the API answers it."""
        parts = parts_of(self.config)
        told: dict[str, Any] = {
            "name": self.name,
            "steps": parts["steps"] if parts else None,
            "images_seen": parts["steps"] * self.config.batch_size if parts else None,
            "is_known": self.known is not None,
        }
        if self.known is None:
            return told
        time = estimate(self.config, self.known.costs)
        return told | {
            "seconds": round(time.seconds, 1),
            "seconds_low": round(time.low, 1),
            "seconds_high": round(time.high, 1),
            "step_seconds": self.known.step_seconds,
            "peak_bytes": self.known.peak_bytes,
            "device": self.known.device,
            "model": self.known.model,
            "dtype": self.known.dtype,
            "threads": self.known.threads,
            "source": self.known.source,
            "measured_at": self.known.measured_at,
        }


@dataclass(frozen=True, kw_only=True)
class TrainingEstimate:
    """The presets, what should be known before a start, and the job that measures what is missing."""

    presets: Sequence[PresetEstimate]
    preflight: Preflight
    job: Job | None


@transaction.atomic
def estimate_training(
    *,
    actor: User,
    dataset: Dataset,
    config: Mapping[str, Any],
    seed: int | None = None,
    cloned_from: Training | None = None,
    measure: str = "missing",
) -> TrainingEstimate:
    """Say how long each preset would take with these settings, and measure what is not known.

    Args:
        actor: Owner or member of the data set.
        dataset: With images.
        config: What differs from the defaults; its preset is left aside.
        seed: As for the start.
        cloned_from: The run that `config` changes, if it is a clone that shall be started.
        measure: `never`, `missing` (what is not known) or `again`.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict, InvalidInput: A training could not be started so; see `check_start`.
    """
    require_use(actor, dataset)

    def asked(**preset: str) -> Mapping[str, Any]:
        wishes = {**config, **preset}
        return settings_of_clone(cloned_from, wishes) if cloned_from else wishes

    if cloned_from and seed is None:
        seed = cloned_from.seed
    preflight = check_start(dataset, asked(), seed=seed)
    presets = _presets(dataset, {name: asked(preset=name) for name in PRESETS}, preflight)
    missing = [one for one in presets if measure == "again" or one.known is None]
    job = None
    if missing and measure != "never":
        job = _measuring(actor, dataset, {one.key for one in missing}) or _measure(
            actor, dataset, missing, preflight
        )
    return TrainingEstimate(presets=presets, preflight=preflight, job=job)


def _presets(
    dataset: Dataset, wishes: Mapping[str, Mapping[str, Any]], preflight: Preflight
) -> list[PresetEstimate]:
    configs = {
        name: TrainConfig.from_request(checked_config(dataset, wish, preflight.seed))
        for name, wish in wishes.items()
    }
    keys = {name: cost_digest(one, classes=len(preflight.classes)) for name, one in configs.items()}
    rows = CostMeasurement.objects.on(threads=settings.TORCH_THREADS, code_version=code_version())
    newest: dict[str, CostMeasurement] = {}
    for row in rows.filter(key__in=set(keys.values())):
        newest.setdefault(row.key, row)
    return [
        PresetEstimate(name=name, config=configs[name], key=keys[name], known=newest.get(keys[name]))
        for name in PRESETS
    ]


def _measuring(actor: User, dataset: Dataset, keys: set[str]) -> Job | None:
    """The person's measurement that is under way already, if it measures all of this."""
    for job in Job.objects.live().filter(kind=KIND, requested_by=actor, subject_id=dataset.pk):
        if keys <= {one["key"] for one in job.payload["configs"]}:
            return job
    return None


def _measure(actor: User, dataset: Dataset, presets: Sequence[PresetEstimate], preflight: Preflight) -> Job:
    # Names of classes stay out of the job: what a step costs does not depend on them.
    configs = {one.key: {**one.config.to_dict(), "class_targets": {}} for one in presets}
    return enqueue_job(
        KIND,
        actor=actor,
        subject=dataset,
        payload={
            "configs": [{"key": key, "config": config} for key, config in configs.items()],
            "images": preflight.images,
            "monitor": preflight.monitor,
            "classes": len(preflight.classes),
            # Those who ask look for their own version, also where a worker was started before an update.
            "code_version": code_version(),
        },
        total=len(configs),
    )


def complete_measurement(*, context: JobContext, result: Mapping[str, Any]) -> None:
    """Keep what a measurement found, in place of an older one."""
    machine = result["machine"]
    with context.commit(finish_with={"measured": len(result["measured"]), "device": machine["device"]}):
        for row in result["measured"]:
            fields = Costs.__dataclass_fields__.keys() - {"is_whole_run"}
            _keep(
                row["key"],
                CostSource.MEASUREMENT,
                version=context.job.payload["code_version"],
                device=machine["device"],
                model=machine["model"],
                dtype=row["dtype"],
                peak_bytes=row["peak_bytes"],
                **{name: row[name] for name in fields},
            )


def learn_from_run(training: Training, result: Mapping[str, Any]) -> None:
    """Keep what a real run took: it saw more than any short measurement. In the caller's transaction."""
    costs, machine = result.get("costs", {}), result["card"]["machine"]
    if not all(name in costs for name in _PARTS):
        return  # too short to have had each part
    key = cost_digest(TrainConfig.from_request(training.config), classes=len(training.classes))
    earlier = CostMeasurement.objects.filter(key=key, start_seconds__gt=0).order_by("-measured_at").first()
    _keep(
        key,
        CostSource.RUN,
        version=training.code_version,
        device=machine["device"],
        model=machine["model"],
        dtype=machine["dtype"],
        start_seconds=earlier.start_seconds if earlier else 0.0,
        step_seconds=costs["step_seconds"],
        step_seconds_low=costs["step_seconds"],
        step_seconds_high=costs["step_seconds"],
        look_seconds=costs["look_seconds"],
        checkpoint_seconds=costs["checkpoint_seconds"],
        peak_bytes=int(costs["peak_bytes"]),
    )


def _keep(key: str, source: str, *, version: str, **facts: Any) -> None:
    mean = facts["step_seconds"]
    facts["step_seconds_low"] = min(facts["step_seconds_low"], mean)  # a mean may differ in the last bit
    facts["step_seconds_high"] = max(facts["step_seconds_high"], mean)
    CostMeasurement.objects.update_or_create(
        key=key,
        threads=settings.TORCH_THREADS,
        code_version=version,
        source=source,
        defaults={**facts, "measured_at": timezone.now()},
    )
