"""What the workers run: each handler starts a child and turns what it reports into rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from generation.models import Batch, Ingest, Training, Withdrawal
from generation.services import batches, erasing, estimating, fitting, ingesting, reading, shards, training
from generation.services.manifests import training_manifest
from synthlab.core.children import ChildCrashed
from synthlab.core.exceptions import InvalidInput
from synthlab.core.job_context import JobContext
from synthlab.core.models import Job

Event = dict[str, Any]


def run_ingest(context: JobContext) -> None:
    """Read, clean, de-identify and split one upload."""
    ingest = Ingest.objects.select_related("dataset", "requested_by").get(pk=context.job.subject_pk)
    result = reading.read_upload(context=context, spec=ingesting.ingest_spec(ingest))
    ingesting.complete_ingest(context=context, ingest=ingest, result=result)


def run_training(context: JobContext) -> None:
    """Train from the last checkpoint on, or from nothing."""
    run = Training.objects.select_related("dataset", "requested_by").get(pk=context.job.subject_pk)
    training.mark_running(context=context, training=run)
    manifest = context.work_dir / "manifest.json"
    manifest.write_text(json.dumps(training_manifest(run)))
    spec = {
        "manifest": str(manifest),
        "config": run.config,
        "resume_from": str(Path(settings.WORK_ROOT) / run.checkpoint) if run.checkpoint else None,
        "threads": settings.TORCH_THREADS,
        "code_version": run.code_version,
    }
    try:
        result = context.run_child("generation.ml", "train", spec, on_event=TrainingRelay(context, run))
    except (InvalidInput, ChildCrashed) as error:
        if not fitting.is_lack_of_memory(error):
            raise
        run.refresh_from_db()
        raise fitting.explain_lack_of_memory(context, run, error) from error
    training.complete_training(context=context, training=run, result=result)


def run_measurement(context: JobContext) -> None:
    """Find out what trainings would cost on this machine."""
    spec = {**context.job.payload, "threads": settings.TORCH_THREADS}
    result = context.run_child("generation.ml", "measure", spec)
    estimating.complete_measurement(context=context, result=result)


class TrainingRelay:
    """Turns a training child's messages into rows, as they come."""

    def __init__(self, context: JobContext, run: Training) -> None:
        self.context, self.run = context, run
        self._kinds: dict[str, Callable[[Event], None]] = {
            "metric": self._metric,
            "warning": self._warning,
            "artifact": self._artifact,
            "cursor": self._cursor,
        }

    def __call__(self, event: Event) -> None:
        if relay := self._kinds.get(event["type"]):
            relay(event)

    def _metric(self, event: Event) -> None:
        training.record_metrics(
            context=self.context, training=self.run, step=event["step"], values=event["values"]
        )

    def _warning(self, event: Event) -> None:
        training.record_warning(
            context=self.context, training=self.run, code=event["code"], detail=event["detail"]
        )

    def _artifact(self, event: Event) -> None:
        if event["kind"] == "samples":
            training.record_samples(
                context=self.context, training=self.run, step=event["step"], path=Path(event["path"])
            )

    def _cursor(self, event: Event) -> None:
        training.record_checkpoint(context=self.context, training=self.run, cursor=event["cursor"])


def run_batch(context: JobContext) -> None:
    """Sample a batch that is its own shard; join one whose shards have succeeded."""
    batch = Batch.objects.select_related("generator__dataset", "requested_by").get(pk=context.job.subject_pk)
    shards.mark_running(context=context, batch=batch)
    if not context.shards_done:
        shards.sample_span(context=context, batch=batch, first=0, stop=batch.count)
    shards.complete_batch(context=context, batch=batch)


def run_batch_shard(context: JobContext) -> dict[str, Any]:
    """Sample a part of a batch."""
    batch = Batch.objects.select_related("generator__dataset", "requested_by").get(pk=context.job.subject_pk)
    first, stop = context.job.payload["first"], context.job.payload["stop"]
    shards.mark_running(context=context, batch=batch)
    shards.sample_span(context=context, batch=batch, first=first, stop=stop)
    return {"images": stop - first}


def requeue_training(job: Job) -> None:
    training.requeue_training(job)


def requeue_batch(job: Job) -> None:
    batches.requeue_batch(job)


def end_ingest(job: Job) -> None:
    ingesting.end_ingest(job)


def end_training(job: Job) -> None:
    training.end_training(job)


def end_batch(job: Job) -> None:
    batches.end_batch(job)


def run_erasure(context: JobContext) -> None:
    """Erase what was kept of refused pictures, once a person has decided about them."""
    digests = set(context.job.payload["digests"])
    with context.commit(finish_with={"files": len(digests)}):
        erasing.remove_files(digests)


def run_withdrawal(context: JobContext) -> None:
    """Erase files, thumbnails and features of images that were withdrawn."""
    withdrawal = Withdrawal.objects.select_related("dataset").get(pk=context.job.subject_pk)
    erasing.erase_withdrawn(context=context, withdrawal=withdrawal)
