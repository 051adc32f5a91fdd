"""How far a training is and how long one would take, as bodies of answers."""

from __future__ import annotations

from typing import Any

from generation.models import Training
from generation.services.estimating import TrainingEstimate
from synthlab.accounts.models import User


def estimate_body(told: TrainingEstimate) -> dict[str, Any]:
    """Presets with their times, what should be known before a start, and the job that measures what is missing."""
    return {
        "presets": [preset.to_json() for preset in told.presets],
        "cautions": [caution.to_json() for caution in told.preflight.cautions],
        "images": told.preflight.images,
        "monitor_images": told.preflight.monitor,
        "job": str(told.job.pk) if told.job else None,
    }


def progress_body(training: Training, reader: User) -> dict[str, Any]:
    """The job of a training for everybody who may see it; its log only for who started it."""
    job = training.job
    if job is None:
        return {"state": training.state, "step": training.step}
    return {
        "state": job.state,
        "step": training.step,
        "phase": job.phase,
        "progress_done": job.progress_done,
        "progress_total": job.progress_total,
        "eta_seconds": seconds_left(training),
        "error": job.error,
        "error_code": job.error_code,
        "warnings": training.warnings,
        "log_tail": job.log_tail if job.requested_by_id == reader.pk else "",
    }


def seconds_left(training: Training) -> int | None:
    """From the time that its steps took so far, over all attempts; None while nothing can be said.

    The job's own pace would count the steps of earlier attempts as if this one had made them.
    """
    job = training.job
    if job is None or job.is_finished or not job.facts.get("seconds"):
        return None
    step, seconds = int(job.facts["step"]), float(job.facts["seconds"])
    if budget := training.config.get("seconds"):
        return max(0, round(float(budget) - seconds))
    steps = training.config.get("steps")
    return round(seconds / step * max(0, int(steps) - step)) if steps and step else None
