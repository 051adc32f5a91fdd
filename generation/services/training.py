"""Training runs: start, pause, cancel, resume, and what is written while one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from generation.models import (
    Dataset,
    Generator,
    Training,
    TrainingMetric,
    TrainingSample,
    TrainingState,
)
from generation.services.access import require_use, require_use_again
from generation.services.cloning import settings_of_clone
from generation.services.estimating import learn_from_run
from generation.services.generators import register_generator
from generation.services.growth import require_settled
from generation.services.manifests import freeze_manifest, require_same_images
from generation.services.preflight import check_start
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict
from synthlab.core.files import store_files
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job, request_cancel
from synthlab.core.models import Job, JobState
from synthlab.version import code_version

STOPPABLE = (TrainingState.QUEUED, TrainingState.RUNNING)
RESUMABLE = (TrainingState.PAUSED, TrainingState.CANCELLED, TrainingState.FAILED)


@transaction.atomic
def start_training(
    *,
    actor: User,
    dataset: Dataset,
    config: dict[str, Any],
    seed: int | None = None,
    confirmed: bool = False,
    cloned_from: Training | None = None,
) -> Training:
    """Queue a training on the data set's training split.

    Args:
        actor: Owner or member of the data set.
        dataset: A data set with images.
        config: What differs from the defaults of `generation.ml.config.TrainConfig`; may name a preset.
        seed: Drawn at random where not given, and recorded.
        confirmed: Whether the person knows what may spoil the result; see `preflight.Caution`.
        cloned_from: The run whose settings these are, but for some changes.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The data set has no images yet.
        InvalidInput: What `preflight.check_start` refuses, or `needs_confirmation`.
    """
    require_use(actor, dataset)
    dataset = freeze_manifest(dataset)
    require_settled(dataset)
    checked = check_start(dataset, config, seed=seed)
    checked.require_confirmation(confirmed)
    training = Training.objects.create(
        dataset=dataset,
        requested_by=actor,
        cloned_from=cloned_from,
        config=checked.config,
        seed=checked.seed,
        code_version=code_version(),
        manifest_digest=dataset.manifest_digest,
        classes=list(checked.classes),
        warnings=[
            {"code": caution.code, "detail": caution.detail, "step": 0} for caution in checked.cautions
        ],
    )
    _enqueue(training, actor)
    known = [caution.code for caution in checked.cautions if caution.must_confirm]
    _audit(
        training,
        actor,
        "training.started",
        config=_without_names(training.config),
        seed=checked.seed,
        confirmed=known,
    )
    return training


def _without_names(config: dict[str, Any]) -> dict[str, Any]:
    """The audit's facts hold no text of people: of the classes only their shares."""
    return {**config, "class_targets": sorted(config["class_targets"].values())}


@transaction.atomic
def clone_training(
    *,
    actor: User,
    training: Training,
    config: dict[str, Any],
    seed: int | None = None,
    confirmed: bool = False,
) -> Training:
    """Start a new run with the settings of another one, but for some changes, on the data set as it is now.

    Args:
        actor: Owner or member of the data set.
        training: The run that is the model.
        config: What shall differ; may name a preset, whose numbers then replace the parent's.
        seed: The parent's where not given: the same images are kept aside, so the curves can be compared.
        confirmed: As for `start_training`.

    Raises:
        NotAllowed, Conflict, InvalidInput: As for `start_training`.
    """
    return start_training(
        actor=actor,
        dataset=training.dataset,
        config=settings_of_clone(training, config),
        seed=training.seed if seed is None else seed,
        confirmed=confirmed,
        cloned_from=training,
    )


def _enqueue(training: Training, actor: User) -> None:
    training.job = enqueue_job("training", actor=actor, subject=training)
    training.save(update_fields=["job"])


@transaction.atomic
def stop_training(*, actor: User, training: Training, reason: str) -> Training:
    """Ask a run to stop at its next checkpoint, to be resumed (`pause`) or not (`cancel`).

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The run has ended already.
    """
    require_use(actor, training.dataset)
    rows = Training.objects.filter(pk=training.pk, state__in=STOPPABLE)
    if training.job is None or rows.update(stop_reason=reason) != 1:
        raise Conflict("training_not_running", f"This training is {training.state}; nothing to stop.")
    request_cancel(actor=actor, job=training.job)
    _audit(training, actor, f"training.{reason}_requested")
    training.refresh_from_db()
    return training


@transaction.atomic
def resume_training(*, actor: User, training: Training) -> Training:
    """Go on from the last complete checkpoint, as a new job on the same training.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The run is not paused, cancelled or failed, or the data set changed since.
    """
    require_use(actor, training.dataset)
    require_same_images(training)
    rows = Training.objects.filter(pk=training.pk, state__in=RESUMABLE)
    if rows.update(state=TrainingState.QUEUED, stop_reason="") != 1:
        raise Conflict("training_not_resumable", f"This training is {training.state}; nothing to resume.")
    training.refresh_from_db()
    _enqueue(training, actor)
    _audit(training, actor, "training.resumed", step=training.step)
    return training


def mark_running(*, context: JobContext, training: Training) -> None:
    """Queued → running, when a worker has the job; a failed job that was queued again begins anew.

    Raises:
        Conflict: The run was resumed by another job meanwhile, or has ended well.
    """
    with context.commit():
        mine = Training.objects.filter(pk=training.pk, job=context.job.pk)
        if mine.exclude(state=TrainingState.SUCCEEDED).update(state=TrainingState.RUNNING) != 1:
            raise Conflict("training_resumed_elsewhere", "Another job has gone on with this training.")
    training.refresh_from_db()


def record_metrics(*, context: JobContext, training: Training, step: int, values: dict[str, float]) -> None:
    """Add points to the curve; a resumed run that passes a step again changes nothing."""
    with context.commit():
        TrainingMetric.objects.bulk_create(
            [
                TrainingMetric(training=training, step=step, name=name, value=value)
                for name, value in values.items()
            ],
            ignore_conflicts=True,
        )
        Training.objects.filter(pk=training.pk, step__lt=step).update(step=step)


def record_samples(*, context: JobContext, training: Training, step: int, path: Path) -> None:
    """Keep a sample grid."""
    [stored] = store_files([path])
    with context.commit():
        TrainingSample.objects.update_or_create(
            training=training, step=step, defaults={"digest": stored.digest}
        )


def record_checkpoint(*, context: JobContext, training: Training, cursor: dict[str, Any]) -> None:
    """Remember the last complete checkpoint: what a resumed run starts from.

    The job's cursor moves in the same transaction. It says which folder the next attempt keeps; a worker that died
    between the two would leave a training whose checkpoint is swept away, and that can never be resumed.
    """
    relative = Path(cursor["checkpoint"]).relative_to(settings.WORK_ROOT)
    with context.commit():
        Training.objects.filter(pk=training.pk).update(checkpoint=str(relative), step=cursor["step"])
        context.move_cursor(cursor)


def record_warning(*, context: JobContext, training: Training, code: str, detail: str) -> None:
    """Keep a warning in words; each kind once."""
    with context.commit():
        training.refresh_from_db(fields=["warnings", "step"])
        if all(warning["code"] != code for warning in training.warnings):
            told = {"code": code, "detail": detail, "step": training.step}
            training.warnings = [*training.warnings, told]
            training.save(update_fields=["warnings"])


def complete_training(*, context: JobContext, training: Training, result: dict[str, Any]) -> Generator:
    """The chosen checkpoint becomes a candidate Generator."""
    [stored] = store_files([Path(result["weights"])])
    told = {"step": result["step"], "seconds": result["seconds"]}
    with context.commit(finish_with=told):
        generator = register_generator(
            actor=training.requested_by,
            dataset=training.dataset,
            training=training,
            stored=stored,
            card=result["card"],
        )
        told["generator"] = str(generator.pk)
        Training.objects.filter(pk=training.pk).update(state=TrainingState.SUCCEEDED, step=result["step"])
        learn_from_run(training, result)
        _audit(training, training.requested_by, "training.succeeded", generator=generator.digest)
    return generator


def names_checkpoint_of(job: Job) -> bool:
    """Whether a training would still resume from what this job left, be it weeks ago."""
    rows = Training.objects.filter(pk=job.subject_pk, checkpoint__startswith=f"{job.pk}/")
    training = rows.exclude(state=TrainingState.SUCCEEDED).select_related("dataset").first()
    if training is None:
        return False
    try:
        require_same_images(training)
    except Conflict:
        return False  # learnt from images that were withdrawn since: nobody may go on from it
    return True


def end_training(job: Job) -> None:
    """The job ended without success: the training's state follows, and the last checkpoint stays."""
    training = (
        Training.objects.select_for_update(no_key=True).select_related("dataset").get(pk=job.subject_pk)
    )
    if training.job_id != job.pk:
        return  # another job has gone on with it
    if job.state == JobState.CANCELLED:
        paused = training.stop_reason == "pause"
        state = TrainingState.PAUSED if paused else TrainingState.CANCELLED
    else:
        state = TrainingState.FAILED
    Training.objects.filter(pk=training.pk).exclude(state=TrainingState.SUCCEEDED).update(state=state)
    record_event(
        chain=dataset_chain(training.dataset),
        actor=None,
        action=f"training.{state}",
        target=training,
        facts={"job": str(job.pk), "error": job.error_code, "step": training.step},
    )


def requeue_training(job: Job) -> None:
    """A failed job may go on where a resumed run might.

    Raises:
        NotAllowed: Who asked for it may not use the data set any more.
        Conflict: The data set changed.
    """
    training = Training.objects.select_related("dataset").get(pk=job.subject_pk)
    require_use_again(job, training.dataset)
    require_same_images(training)


def _audit(training: Training, actor: User, action: str, **facts: Any) -> None:
    record_event(
        chain=dataset_chain(training.dataset), actor=actor, action=action, target=training, facts=facts
    )
