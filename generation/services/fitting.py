"""A training that ran out of memory is told which batch size fits: tried out, not guessed."""

from __future__ import annotations

import signal

from django.conf import settings

from generation.ml.config import TrainConfig
from generation.models import Training
from generation.services.preflight import check_start
from synthlab.core.children import ChildCrashed
from synthlab.core.exceptions import InvalidInput
from synthlab.core.job_context import JobContext

CODE = "out_of_memory"
_FEWEST = 4
_STEP = 4  # batch sizes are multiples of it


def is_lack_of_memory(error: Exception) -> bool:
    """Whether a child said that the memory did not suffice, or was killed as the kernel kills for it."""
    if isinstance(error, ChildCrashed):
        return error.status == -signal.SIGKILL
    return isinstance(error, InvalidInput) and error.code == CODE


def explain_lack_of_memory(context: JobContext, training: Training, error: Exception) -> Exception:
    """Try smaller batches, each in a fresh process, and say which one fits.

    A child that was killed may have been killed for another reason. So its own batch size is tried first; where that fits
    now, the crash was no lack of memory, or one that has passed, and is left as it was.

    Returns:
        What to raise instead of `error`.
    """
    config = TrainConfig.from_request(training.config)
    size, shape = config.batch_size, _shape_of(training)
    if isinstance(error, ChildCrashed) and _fits(context, training, shape, size):
        return error
    tried = []
    while (size := size // 2 // _STEP * _STEP) >= _FEWEST:
        tried.append(size)
        if _fits(context, training, shape, size):
            _advise(context, training, size)
            kept = f" The last checkpoint (step {training.step:,}) is kept." if training.checkpoint else ""
            return InvalidInput(
                CODE,
                f"The memory does not suffice for batches of {config.batch_size} images of {config.image_size} px. "
                f"Batches of {size} fit here: clone this run with batch size {size}.{kept}",
                fits=size,
            )
    return InvalidInput(
        CODE,
        f"The memory does not suffice for batches of {config.batch_size} images of {config.image_size} px, and not for "
        f"{tried[-1] if tried else config.batch_size} either: clone this run with fewer filters, or free memory on the machine.",
    )


def _shape_of(training: Training) -> dict[str, int]:
    """How many images and classes the run holds in memory."""
    checked = check_start(training.dataset, training.config, seed=training.seed)
    return {"images": checked.images, "monitor": checked.monitor, "classes": len(training.classes)}


def _fits(context: JobContext, training: Training, shape: dict[str, int], size: int) -> bool:
    spec = {
        **shape,
        "config": {**training.config, "batch_size": size, "class_targets": {}},
        "threads": settings.TORCH_THREADS,
    }
    try:
        context.run_child("generation.ml", "probe", spec)
    except (InvalidInput, ChildCrashed) as error:
        if not is_lack_of_memory(error):
            raise
        return False
    return True


def _advise(context: JobContext, training: Training, size: int) -> None:
    """Keep the size for the button that clones the run with it."""
    advice = {
        "code": CODE,
        "detail": f"Batches of {size} were tried and fit.",
        "step": training.step,
        "changes": {"batch_size": size},
    }
    with context.commit():
        training.refresh_from_db(fields=["warnings"])
        others = [warning for warning in training.warnings if warning["code"] != CODE]
        training.warnings = [*others, advice]
        training.save(update_fields=["warnings"])
