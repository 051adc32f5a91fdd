"""Images of released batches become items of a study, with the reads that are planned for them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery

from annotation.models import Item, Read, Study, StudyState
from annotation.services.access import require_manager
from evaluation.models import Decision, Evaluation, EvaluationState, GateDecision
from generation.models import Batch, BatchState, Dataset, SourceImage, SyntheticImage
from generation.services.access import may_use
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed

_CHUNK = 2000
_SHUFFLE_BITS = 31


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did.

    Attributes:
        added: New items.
        known: Images that the study held already, as items or exemplars, by their pixels.
        refused: Images with the very pixels of a real one; they never enter a study.
    """

    added: int
    known: int
    refused: int


@transaction.atomic
def fill_study(*, actor: User, study: Study, batches: Sequence[Batch], limit: int | None = None) -> Filled:
    """Add the images of released batches to a study, each with its planned reads in a random order.

    What was discarded from a batch is not taken.
    Filling with the same batch again adds nothing: an image is once in a study.

    Args:
        actor: A manager of the study. Who may not use the data set can fill only a study that is made for it already.
        study: Not closed.
        batches: Finished and released ones, all of one data set.
        limit: At most so many new images, in the order of the batches.

    Raises:
        NotAllowed: The actor does not manage the study, may not use the data set, or a batch is not released.
        InvalidInput: No batch was named, or they come from another data set.
        Conflict: The study is closed, or the generator of a batch was never approved.
    """
    require_manager(actor, study)
    if not batches:
        raise InvalidInput("no_batches", "batches: Name at least one released batch.")
    # The row is the lock: two fills at once must not count the same image as new twice.
    locked = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if locked.state == StudyState.CLOSED:
        raise Conflict("study_state", "The study is closed. Open it again to add images.")
    _check_dataset(actor, locked, batches)
    for batch in batches:
        _require_released(batch)
        _require_approved(batch)
    filled = _add_images(locked, batches, limit)
    record_event(
        chain=study_chain(study),
        actor=actor,
        action="study.filled",
        target=study,
        facts={
            "batches": [str(batch.pk) for batch in batches],
            "added": filled.added,
            "known": filled.known,
            "refused": filled.refused,
        },
    )
    study.dataset_id = locked.dataset_id
    return filled


def released_batches(study: Study, user: User) -> QuerySet[Batch]:
    """The batches that a manager may fill a study from, newest first; `report` is the last evaluation of each, or None."""
    measured = Evaluation.objects.filter(image_set__batch=OuterRef("pk"), state=EvaluationState.SUCCEEDED)
    released = Batch.objects.filter(
        state=BatchState.SUCCEEDED,
        decisions__superseded_at__isnull=True,
        decisions__decision=Decision.RELEASED,
        generator__approved_by__isnull=False,
    ).select_related("generator__dataset")
    released = released.annotate(report=Subquery(measured.values("pk")[:1]))
    if study.dataset_id:
        return released.filter(generator__dataset=study.dataset_id)
    own = [dataset for dataset in Dataset.objects.visible_to(user) if may_use(user, dataset)]
    return released.filter(generator__dataset__in=own)


def images_taken(study: Study) -> dict[UUID, int]:
    """How many images the study holds of each batch that it was filled from."""
    rows = study.items.synthetic().order_by()
    return dict(rows.values_list("synthetic_image__batch").annotate(n=Count("pk")))


def _check_dataset(actor: User, study: Study, batches: Sequence[Batch]) -> None:
    dataset = batches[0].generator.dataset
    if any(batch.generator.dataset_id != dataset.pk for batch in batches):
        raise InvalidInput("mixed_datasets", "batches: All images of a study come from one data set.")
    if study.dataset_id is None:
        if not may_use(actor, dataset):
            raise NotAllowed(
                "members_only", "Only the owner and members of the data set may start a study from it."
            )
        Study.objects.filter(pk=study.pk, dataset__isnull=True).update(dataset=dataset)
        study.dataset = dataset
    elif study.dataset_id != dataset.pk:
        raise InvalidInput("other_dataset", "batches: The images of this study come from another data set.")


def _require_released(batch: Batch) -> None:
    # Whoever discards or restores images takes the same lock.
    Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if batch.state != BatchState.SUCCEEDED:
        raise NotAllowed(
            "batch_not_finished", f"Batch {batch.pk} is {batch.state}; only finished ones can be read."
        )
    # The row is locked, so that a batch withheld meanwhile does not slip in.
    decision = GateDecision.objects.select_for_update(no_key=True).live().filter(batch=batch).first()
    if decision is None or decision.decision != Decision.RELEASED:
        raise NotAllowed(
            "batch_not_released", f"Batch {batch.pk} is not released; only released ones can be read."
        )


def _require_approved(batch: Batch) -> None:
    """A candidate samples so that it can be judged. One that was approved and is retired now made good images still."""
    if batch.generator.approved_by_id is None:
        raise Conflict(
            "generator_not_approved",
            f"The generator of batch {batch.pk} is not approved; approve it first, then fill the study.",
        )


def _add_images(study: Study, batches: Sequence[Batch], limit: int | None) -> Filled:
    known = set(study.items.values_list("synthetic_image__pixel_digest", flat=True))
    # What is held up as an example is not read: everybody knows what it is said to show.
    known |= set(study.exemplars.values_list("image__pixel_digest", flat=True))
    added = repeated = refused = 0
    for chunk in _chunks(_images(batches)):
        real = set(
            SourceImage.objects.filter(pixel_digest__in=[image.pixel_digest for image in chunk]).values_list(
                "pixel_digest", flat=True
            )
        )
        fresh: list[SyntheticImage] = []
        for image in chunk:
            if image.pixel_digest in real:
                refused += 1
            elif image.pixel_digest in known:
                repeated += 1
            elif limit is None or added + len(fresh) < limit:
                known.add(image.pixel_digest)
                fresh.append(image)
        _add_items(study, fresh)
        added += len(fresh)
    return Filled(added, repeated, refused)


def _images(batches: Sequence[Batch]) -> Iterator[SyntheticImage]:
    for batch in batches:
        yield from batch.images.kept().order_by("index").only("pk", "pixel_digest").iterator(_CHUNK)


def _chunks(images: Iterator[SyntheticImage]) -> Iterator[list[SyntheticImage]]:
    # SQLite takes a limited number of values in one query.
    while chunk := list(islice(images, _CHUNK)):
        yield chunk


def _add_items(study: Study, images: Sequence[SyntheticImage]) -> None:
    items = [Item(study=study, synthetic_image=image) for image in images]
    Item.objects.bulk_create(items, batch_size=_CHUNK)
    Read.objects.bulk_create(
        (
            Read(study=study, item=item, ordinal=ordinal, shuffle=random_place())
            for item in items
            for ordinal in range(study.reads_per_item)
        ),
        batch_size=_CHUNK,
    )


def random_place() -> int:
    """A place in the stored shuffle that nobody can foresee."""
    return secrets.randbits(_SHUFFLE_BITS)
