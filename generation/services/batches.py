"""Batches: asked for, sampled shard by shard, cancelled, completed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from generation.models import (
    MAX_BATCH_SIZE,
    MAX_CANDIDATE_IMAGES,
    Batch,
    BatchState,
    Generator,
    GeneratorState,
    SyntheticImage,
)
from generation.services.access import require_use, require_use_again
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.files import store_files
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job, request_cancel
from synthlab.core.models import Job, JobState

SHARD_SIZE = 500
MAX_SEED = 2**63 - 1


@transaction.atomic
def request_batch(
    *,
    actor: User,
    generator: Generator,
    count: int,
    seed: int,
    class_mix: dict[str, float] | None = None,
    truncation: float = 1.0,
) -> Batch:
    """Queue `count` images of a generator.

    Args:
        actor: Owner or member of the generator's data set.
        generator: Candidate (at most 2,000 images in all) or approved.
        count: 1 to 100,000.
        seed: The batch's seed; the same request gives the same digests.
        class_mix: class key → count (integers summing to `count`) or share (summing to 1); none for a
            generator without classes, an even mix where not given.
        truncation: Scale of the latents, above 0 and up to 1 (1: not truncated).

    Raises:
        NotAllowed: The actor may not sample from this generator.
        InvalidInput: A number out of range, an unknown class, shares that do not sum to 1.
        Conflict: The generator is retired.
    """
    require_use(actor, generator.dataset)
    _check_numbers(count, seed, truncation)
    _check_generator(generator, count)
    batch = Batch.objects.create(
        generator=generator,
        requested_by=actor,
        count=count,
        seed=seed,
        truncation=truncation,
        class_mix=class_counts(generator, count, class_mix),
    )
    batch.job = enqueue_job("batch", actor=actor, subject=batch)
    batch.save(update_fields=["job"])
    record_event(
        chain=dataset_chain(generator.dataset),
        actor=actor,
        action="batch.requested",
        target=batch,
        facts={"generator": generator.digest, "count": count, "seed": seed, "truncation": truncation},
    )
    return batch


def _check_numbers(count: int, seed: int, truncation: float) -> None:
    if not 1 <= count <= MAX_BATCH_SIZE:
        raise InvalidInput("bad_count", f"count: between 1 and {MAX_BATCH_SIZE:,} images in one batch.")
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInput("bad_seed", f"seed: a whole number between 0 and {MAX_SEED}.")
    if not 0 < truncation <= 1:
        raise InvalidInput("bad_truncation", "truncation: above 0 and at most 1.")


def _check_generator(generator: Generator, count: int) -> None:
    # Its row is the lock: two requests together must not pass a limit that each alone keeps.
    generator = Generator.objects.select_for_update(no_key=True).get(pk=generator.pk)
    if generator.state == GeneratorState.RETIRED:
        raise Conflict("generator_retired", "This generator is retired and makes no new images.")
    if generator.state == GeneratorState.CANDIDATE:
        made = _made_or_promised(generator)
        if made + count > MAX_CANDIDATE_IMAGES:
            raise InvalidInput(
                "candidate_limit",
                f"A candidate generator makes at most {MAX_CANDIDATE_IMAGES:,} images so that it can be judged; "
                f"{made:,} are made or asked for. Approve it first, or ask for fewer.",
            )


def _made_or_promised(generator: Generator) -> int:
    """Images that stand, and those that batches in work will add."""
    ended = (BatchState.FAILED, BatchState.CANCELLED)
    promised = generator.batches.exclude(state__in=ended).aggregate(total=Sum("count"))["total"] or 0
    return (
        int(promised)
        + SyntheticImage.objects.filter(batch__in=generator.batches.filter(state__in=ended)).count()
    )


def class_counts(generator: Generator, count: int, mix: dict[str, float] | None) -> dict[str, int]:
    """Counts per class, from counts or shares; the largest remainders get what rounding left over.

    Raises:
        InvalidInput: `unknown_class` or `bad_class_mix`.
    """
    keys = list(generator.classes)
    if not keys:
        if mix:
            raise InvalidInput("unknown_class", "class_mix: this generator has no classes.")
        return {}
    shares = mix or dict.fromkeys(keys, 1 / len(keys))
    if unknown := sorted(set(shares) - set(keys)):
        raise InvalidInput(
            "unknown_class",
            f"class_mix: unknown {', '.join(unknown)}; this generator knows {', '.join(keys)}.",
        )
    if any(not 0 <= value < math.inf for value in shares.values()):
        raise InvalidInput("bad_class_mix", "class_mix: counts or shares are numbers of at least 0.")
    total = sum(shares.values())
    if all(float(value).is_integer() for value in shares.values()) and total == count:
        return {key: int(shares.get(key, 0)) for key in keys}
    if abs(total - 1) > 1e-6:
        raise InvalidInput(
            "bad_class_mix", f"class_mix: counts must sum to {count}, or shares to 1 (they sum to {total:g})."
        )
    exact = {key: count * shares.get(key, 0) for key in keys}
    counts = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(keys, key=lambda key: (counts[key] - exact[key], keys.index(key)))
    for key in by_remainder[: count - sum(counts.values())]:
        counts[key] += 1
    return counts


def planned_images(batch: Batch) -> Iterator[dict[str, Any]]:
    """Every image of the batch in index order: `{"index", "class"}`, the class as its place in the generator's."""
    if not batch.class_mix:
        yield from ({"index": index, "class": None} for index in range(batch.count))
        return
    index = 0
    for place, key in enumerate(batch.generator.classes):
        for _ in range(batch.class_mix.get(key, 0)):
            yield {"index": index, "class": place}
            index += 1


def next_shard(batch: Batch, done: int) -> list[dict[str, Any]]:
    """The next at most `SHARD_SIZE` planned images after the first `done`."""
    return list(islice(planned_images(batch), done, done + SHARD_SIZE))


def mark_running(*, context: JobContext, batch: Batch) -> None:
    """Queued → running, when a worker has the job; a failed job that was queued again goes on."""
    with context.commit():
        rows = Batch.objects.filter(pk=batch.pk).exclude(state=BatchState.SUCCEEDED)
        rows.update(state=BatchState.RUNNING, completed_at=None)


def complete_shard(
    *, context: JobContext, batch: Batch, folder: Path, rows: Sequence[dict[str, Any]], recipe: dict[str, Any]
) -> None:
    """Make one shard durable: files (one sync), then its rows in one transaction. Running it twice changes nothing."""
    stored = store_files([folder / row["file"] for row in rows])
    keys = batch.generator.classes
    with context.commit():
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
                    width=row["width"],
                    height=row["height"],
                )
                for row, file in zip(rows, stored, strict=True)
            ],
            ignore_conflicts=True,
        )
        Batch.objects.filter(pk=batch.pk).update(recipe=recipe)


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


@transaction.atomic
def cancel_batch(*, actor: User, batch: Batch) -> Batch:
    """Stop after the shard in work; complete images stay.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The batch has ended already.
    """
    require_use(actor, batch.generator.dataset)
    if batch.state not in (BatchState.QUEUED, BatchState.RUNNING) or batch.job is None:
        raise Conflict("batch_not_running", f"This batch is {batch.state}; nothing to cancel.")
    request_cancel(actor=actor, job=batch.job)
    batch.refresh_from_db()
    return batch


def end_batch(job: Job) -> None:
    """The job ended without success: the batch's state follows; its complete shards stay."""
    state = BatchState.CANCELLED if job.state == JobState.CANCELLED else BatchState.FAILED
    Batch.objects.filter(pk=job.subject_pk).exclude(state=BatchState.SUCCEEDED).update(
        state=state, completed_at=timezone.now()
    )


def requeue_batch(job: Job) -> None:
    """A failed batch may go on if what it lacks might be asked for now.

    Raises:
        NotAllowed: Who asked for it may not use the data set any more.
        Conflict: The generator is retired.
        InvalidInput: A candidate has been asked for as many images as it may make.
    """
    batch = Batch.objects.select_related("generator__dataset").get(pk=job.subject_pk)
    require_use_again(job, batch.generator.dataset)
    _check_generator(batch.generator, batch.count - batch.images.count())
    # Its images count as promised from now on.
    ended = Batch.objects.filter(pk=batch.pk, state__in=(BatchState.FAILED, BatchState.CANCELLED))
    ended.update(state=BatchState.QUEUED, completed_at=None)


def read_rows(manifest: Path) -> list[dict[str, Any]]:
    """The sampling child's list of images."""
    with manifest.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
