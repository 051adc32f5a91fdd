"""The parts of a batch: each a job of its own, sampled by one child, made durable block by block."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from generation.models import Batch, BatchState, SyntheticImage
from generation.services.class_mix import planned_images
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.children import ChildCrashed
from synthlab.core.exceptions import Conflict
from synthlab.core.files import path_of, store_each
from synthlab.core.job_context import JobCancelled, JobContext
from synthlab.core.jobs import enqueue_job


def enqueue_batch(batch: Batch) -> None:
    """Queue the batch's job, and a job for each shard where one would be too large. In the caller's transaction."""
    actor = batch.requested_by
    batch.job = enqueue_job("batch", actor=actor, subject=batch, total=batch.count)
    batch.save(update_fields=["job"])
    if batch.count <= settings.SHARD_IMAGES:
        return  # it is its own shard
    for first, stop in shard_spans(batch.count):
        enqueue_job(
            "batch_shard",
            actor=actor,
            subject=batch,
            payload={"first": first, "stop": stop},
            parent=batch.job,
            total=stop - first,
        )


def shard_spans(count: int) -> Iterator[tuple[int, int]]:
    """`(first, stop)` of each shard's indices."""
    for first in range(0, count, settings.SHARD_IMAGES):
        yield first, min(first + settings.SHARD_IMAGES, count)


def mark_running(*, context: JobContext, batch: Batch) -> None:
    """Queued → running, when the first worker has a part of it.

    Raises:
        JobCancelled: The batch has ended.
    """
    with context.commit():
        rows = Batch.objects.filter(pk=batch.pk)
        began = rows.filter(state=BatchState.QUEUED).update(state=BatchState.RUNNING)
        if not began and not rows.filter(state=BatchState.RUNNING).exists():
            raise JobCancelled


def sample_span(*, context: JobContext, batch: Batch, first: int, stop: int) -> None:
    """Make the images from index `first` up to before `stop`, from the first that is not durable yet.

    Raises:
        DomainError: The child refused, as with a damaged weights file or a full disk.
    """
    done = batch.images.filter(index__gte=first, index__lt=stop).count()
    if first + done == stop:
        return
    relay = BlockRelay(context, batch, first=first, done=done)
    spec = {
        "weights": str(path_of(batch.generator.digest)),
        "generator_digest": batch.generator.digest,
        "seed": batch.seed,
        "truncation": batch.truncation,
        "images": planned_images(batch.generator.classes, batch.class_mix, first + done, stop),
        "done": done,
        "packed": True,
        "threads": settings.TORCH_THREADS,
        "dtype": "float32",
    }
    try:
        context.run_child("generation.ml", "sample", spec, on_event=relay)
    finally:
        # Whatever was not handed over is made again; on a full disk its room is needed now.
        shutil.rmtree(context.work_dir / "blocks", ignore_errors=True)


class BlockRelay:
    """Makes each block of images durable while the child samples the next."""

    def __init__(self, context: JobContext, batch: Batch, *, first: int, done: int) -> None:
        self.context, self.batch, self.first, self.done = context, batch, first, done

    def __call__(self, event: dict[str, Any]) -> None:
        """Take the child's word that a block is complete."""
        if event["type"] != "artifact" or event["kind"] != "images":
            return
        folder = self.context.work_dir
        rows = read_rows(Path(event["path"]))
        pack = folder / rows[0]["file"]
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        complete_block(context=self.context, batch=self.batch, pack=pack, rows=rows, recipe=recipe)
        pack.unlink()  # stored by now; a large batch would fill the disk twice
        self.done += len(rows)
        self.context.move_cursor({"images": self.first + self.done})


def complete_block(
    *, context: JobContext, batch: Batch, pack: Path, rows: Sequence[dict[str, Any]], recipe: dict[str, Any]
) -> None:
    """Make images durable: files (one sync), then their rows in one transaction. Running it twice changes nothing.

    Raises:
        JobCancelled: The batch has ended in the meantime; nothing was written.
        Conflict: `recipe_changed`: these images were made in another way than those that stand already.
        ChildCrashed: The pack does not hold what its list says.
    """
    stored = store_each(read_pack(pack, rows))
    if [file.digest for file in stored] != [row["digest"] for row in rows]:
        raise ChildCrashed("Its pack of images does not hold what its list says.")
    keys = batch.generator.classes
    with context.commit():
        _hold(batch, recipe)
        SyntheticImage.objects.bulk_create(
            [
                SyntheticImage(
                    batch=batch,
                    index=row["index"],
                    seed=f"{int(row['seed']):016x}",
                    class_key=keys[row["class"]] if row["class"] is not None else "",
                    digest=file.digest,
                    pixel_digest=row["pixel_digest"],
                    size=file.size,
                    crc32=row["crc32"],
                    width=row["width"],
                    height=row["height"],
                )
                for row, file in zip(rows, stored, strict=True)
            ],
            ignore_conflicts=True,
        )


def _hold(batch: Batch, recipe: dict[str, Any]) -> None:
    """Lock the batch while it runs, and keep the one recipe that all its images share."""
    row = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if row.state != BatchState.RUNNING:
        raise JobCancelled
    if not row.recipe:
        Batch.objects.filter(pk=batch.pk).update(recipe=recipe)
    elif row.recipe != recipe:
        changed = sorted(name for name in recipe if recipe[name] != row.recipe.get(name))
        raise Conflict(
            "recipe_changed",
            f"The first images of this batch were made with another {', '.join(changed)} than this worker has; "
            "ask for a new batch, so that all its images are made in the same way.",
        )


def complete_batch(*, context: JobContext, batch: Batch) -> None:
    """Running → succeeded, with its job: every image is there."""
    with context.commit(finish_with={"images": batch.count}):
        Batch.objects.filter(pk=batch.pk).update(state=BatchState.SUCCEEDED, completed_at=timezone.now())
        record_event(
            chain=dataset_chain(batch.generator.dataset),
            actor=batch.requested_by,
            action="batch.succeeded",
            target=batch,
            facts={"images": batch.images.count()},
        )


def read_pack(pack: Path, rows: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    """A block's files, in the order of its list."""
    with pack.open("rb") as file:
        for row in rows:
            yield file.read(row["size"])


def read_rows(manifest: Path) -> list[dict[str, Any]]:
    """A block's list of images."""
    with manifest.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
