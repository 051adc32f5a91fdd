"""Freezing lists of synthetic images so that they can be measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from evaluation.models import ImageSet, ImageSetKind
from generation.models import Batch, BatchState, Dataset, SyntheticImage
from generation.services.access import require_use
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput


def set_digest(kind: str, owner_id: object, digests: Iterable[str]) -> str:
    """SHA-256 over the sorted image digests, with what the set belongs to: a batch's set stays the batch's."""
    body = "\n".join([kind, str(owner_id), *sorted(digests)])
    return hashlib.sha256(body.encode()).hexdigest()


@transaction.atomic
def make_batch_set(*, actor: User, batch: Batch) -> ImageSet:
    """The frozen list of what a finished batch holds now, without what was discarded; asked for again, the same one.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The batch has not finished, or all of its images are discarded.
    """
    require_use(actor, batch.generator.dataset)
    if batch.state != BatchState.SUCCEEDED:
        raise Conflict(
            "batch_not_finished", f"This batch is {batch.state}; it can be measured when it has succeeded."
        )
    # What discards and restores takes the same lock: the two queries below see one and the same batch.
    Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    digests = list(batch.images.kept().values_list("digest", flat=True))
    if not digests:
        raise Conflict(
            "no_images_kept", "All images of this batch are discarded: there is nothing to measure."
        )
    image_set, made = ImageSet.objects.get_or_create(
        digest=set_digest(ImageSetKind.BATCH, batch.pk, digests),
        defaults={
            "kind": ImageSetKind.BATCH,
            "batch": batch,
            "dataset": batch.generator.dataset,
            "image_count": len(digests),
        },
    )
    if made:
        through = ImageSet.left_out.through
        gone = batch.images.discarded().values_list("pk", flat=True)
        through.objects.bulk_create(
            (through(imageset=image_set, syntheticimage_id=pk) for pk in gone), batch_size=2000
        )
        _audit(actor, image_set)
    return image_set


@dataclass(frozen=True)
class Drift:
    """How far the images that a batch has now are from a list that was frozen of it.

    Attributes:
        discarded: Images of the list that were put aside since.
        restored: Images that are kept now and do not stand in the list.
    """

    discarded: int
    restored: int

    def __bool__(self) -> bool:
        return bool(self.discarded or self.restored)


def drift_of(image_set: ImageSet) -> Drift:
    """What changed in a batch since its list was frozen; nothing for the list of a study."""
    if image_set.batch is None:
        return Drift(0, 0)
    left_out = image_set.left_out_ids()
    return Drift(
        discarded=image_set.batch.images.discarded().exclude(pk__in=left_out).count(),
        restored=image_set.batch.images.kept().filter(pk__in=left_out).count(),
    )


@transaction.atomic
def make_approved_set(
    *, actor: User, study_id: object, dataset: Dataset, images: Iterable[SyntheticImage]
) -> ImageSet:
    """The frozen list of a study's accepted images; the same list again is the same set.

    Raises:
        InvalidInput: The list is empty.
    """
    members = list(images)
    if not members:
        raise InvalidInput(
            "no_accepted_images", "No image of this study is accepted yet: there is nothing to freeze."
        )
    image_set, made = ImageSet.objects.get_or_create(
        digest=set_digest(ImageSetKind.APPROVED, study_id, (image.digest for image in members)),
        defaults={"kind": ImageSetKind.APPROVED, "dataset": dataset, "image_count": len(members)},
    )
    if made:
        image_set.images.add(*members)
        _audit(actor, image_set)
    return image_set


def _audit(actor: User, image_set: ImageSet) -> None:
    record_event(
        chain=dataset_chain(image_set.dataset),
        actor=actor,
        action="image_set.frozen",
        target=image_set,
        facts={"digest": image_set.digest, "kind": image_set.kind, "images": image_set.image_count},
    )
