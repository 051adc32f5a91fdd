"""Freezing lists of synthetic images so that they can be measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

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
    """The frozen list of a finished batch; asked for again, the same one.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The batch has not finished.
    """
    require_use(actor, batch.generator.dataset)
    if batch.state != BatchState.SUCCEEDED:
        raise Conflict(
            "batch_not_finished", f"This batch is {batch.state}; it can be measured when it has succeeded."
        )
    digests = list(batch.images.values_list("digest", flat=True))
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
        _audit(actor, image_set)
    return image_set


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
