"""Batches: asked for, cancelled, ended, asked for again."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
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
from generation.services.class_mix import class_counts
from generation.services.shards import enqueue_batch
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.jobs import request_cancel
from synthlab.core.models import Job, JobState

ENDED_EARLY = (BatchState.FAILED, BatchState.CANCELLED)
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
        InvalidInput: A number out of range, an unknown class, shares that do not sum to 1, more than is left of the
            actor's quota or of what a candidate may make.
        Conflict: The generator is retired.
    """
    require_use(actor, generator.dataset)
    check_numbers(count, seed, truncation)
    _check_quota(actor, count)
    _check_generator(generator, count)
    batch = Batch.objects.create(
        generator=generator,
        requested_by=actor,
        count=count,
        seed=seed,
        truncation=truncation,
        class_mix=class_counts(generator.classes, count, class_mix),
    )
    enqueue_batch(batch)
    record_event(
        chain=dataset_chain(generator.dataset),
        actor=actor,
        action="batch.requested",
        target=batch,
        facts={"generator": generator.digest, "count": count, "seed": seed, "truncation": truncation},
    )
    return batch


def check_numbers(count: int, seed: int, truncation: float) -> None:
    """What every request for images has to keep, whoever makes it.

    Raises:
        InvalidInput: `bad_count`, `bad_seed` or `bad_truncation`.
    """
    if not 1 <= count <= MAX_BATCH_SIZE:
        raise InvalidInput("bad_count", f"count: between 1 and {MAX_BATCH_SIZE:,} images in one batch.")
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInput("bad_seed", f"seed: a whole number between 0 and {MAX_SEED}.")
    check_truncation(truncation)


def check_truncation(truncation: float) -> None:
    """Above 0 and at most 1, for a batch and for a few images at once.

    Raises:
        InvalidInput: `bad_truncation`.
    """
    if not 0 < truncation <= 1:
        raise InvalidInput("bad_truncation", "truncation: above 0 and at most 1.")


def _check_generator(generator: Generator, count: int) -> None:
    # Its row is the lock: two requests together must not pass a limit that each alone keeps.
    generator = Generator.objects.select_for_update(no_key=True).get(pk=generator.pk)
    if generator.state == GeneratorState.RETIRED:
        raise Conflict("generator_retired", "This generator is retired and makes no new images.")
    if generator.state == GeneratorState.CANDIDATE:
        made = _made_or_promised(Batch.objects.filter(generator=generator))
        if made + count > MAX_CANDIDATE_IMAGES:
            raise InvalidInput(
                "candidate_limit",
                f"A candidate generator makes at most {MAX_CANDIDATE_IMAGES:,} images so that it can be judged; "
                f"{made:,} are made or asked for. Approve it first, or ask for fewer.",
            )


def _check_quota(actor: User, count: int) -> None:
    # The person's row is the lock, as the generator's is for its own limit.
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    day = Batch.objects.filter(requested_by=actor, created_at__gt=timezone.now() - timedelta(days=1))
    used = _made_or_promised(day)
    if used + count > settings.IMAGES_PER_DAY:
        left = max(settings.IMAGES_PER_DAY - used, 0)
        raise InvalidInput(
            "batch_quota",
            f"A person may ask for {settings.IMAGES_PER_DAY:,} images in 24 hours; {left:,} are left for you now. "
            "Ask for fewer, or later.",
            left=left,
        )


def _made_or_promised(rows: QuerySet[Batch]) -> int:
    """Images that stand, and those that batches in work will add."""
    ended = Q(state__in=ENDED_EARLY)
    promised = rows.exclude(ended).aggregate(total=Sum("count"))["total"] or 0
    return int(promised) + SyntheticImage.objects.filter(batch__in=rows.filter(ended)).count()


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
    ended = Batch.objects.filter(pk=batch.pk, state__in=ENDED_EARLY)
    ended.update(state=BatchState.QUEUED, completed_at=None)
