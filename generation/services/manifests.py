"""What a training reads: the frozen list of training images and the monitor slice held back from it."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from generation.ml.holdback import monitor_groups
from generation.models import Dataset, Generator, Manifest, SourceImage, Split, Training
from synthlab.core.exceptions import Conflict
from synthlab.core.files import path_of

_MANY = 500


def dataset_digest(dataset: Dataset) -> str:
    """SHA-256 over every present image's digest, class, group and split, in a fixed order."""
    rows = (
        dataset.images.present()
        .order_by("digest")
        .values_list("digest", "class_key", "group__key", "group__split")
    )
    return hashlib.sha256(json.dumps(list(rows), separators=(",", ":")).encode()).hexdigest()


@transaction.atomic
def freeze_manifest(dataset: Dataset) -> Dataset:
    """Write down which images the data set's present digest means, before something is built on it.

    Returns:
        The data set as it is under its lock: withdrawals wait until the caller's transaction ends.
    """
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    if dataset.is_ready:
        manifest, is_new = Manifest.objects.get_or_create(dataset=dataset, digest=dataset.manifest_digest)
        if is_new:
            ids = list(_train_images(dataset).values_list("pk", flat=True))
            through = Manifest.images.through
            through.objects.bulk_create(
                (through(manifest_id=manifest.pk, sourceimage_id=pk) for pk in ids), batch_size=_MANY
            )
    return dataset


def _train_images(dataset: Dataset) -> QuerySet[SourceImage]:
    return dataset.images.present().in_split(Split.TRAIN)


def images_seen(training: Training) -> QuerySet[SourceImage]:
    """The real images that a run learns from or is watched with, withdrawn ones among them."""
    return SourceImage.objects.filter(
        manifests__dataset=training.dataset_id, manifests__digest=training.manifest_digest
    )


def require_same_images(training: Training) -> None:
    """Refuse to go on with a run whose images are no longer what they were.

    Raises:
        Conflict: code `dataset_changed`.
    """
    if training.manifest_digest == training.dataset.manifest_digest:
        return
    seen = set(images_seen(training).values_list("pk", flat=True))
    # Withdrawals of validation images move the data set's digest, and are none of a training's business.
    if not seen or seen != set(_train_images(training.dataset).values_list("pk", flat=True)):
        raise Conflict(
            "dataset_changed",
            "The training images changed since this training began (some were withdrawn or added): start a new one.",
        )


def manifest_digest_of(generator: Generator) -> str:
    """The digest by which a generator knows its data; of an imported file, what its card says."""
    if generator.training is not None:
        return generator.training.manifest_digest
    return str(generator.card.get("dataset_manifest_digest") or "")


def training_manifest(training: Training) -> dict[str, Any]:
    """The spec's manifest: training images and the monitor slice, with absolute paths.

    Whole groups go to the monitor slice, because images of one group look alike and a checkpoint chosen on
    the brothers of its training images would be chosen on nothing. With one group there is no monitor slice.

    Raises:
        Conflict: An image was withdrawn, or one was added, since the run was asked for.
    """
    require_same_images(training)
    by_group: dict[str, list[SourceImage]] = defaultdict(list)
    for image in _train_images(training.dataset).select_related("group").order_by("digest"):
        by_group[image.group.key].append(image)
    sizes = {key: len(images) for key, images in by_group.items()}
    kept = monitor_groups(sizes, seed=training.seed)
    learnt = [image for key in sorted(by_group) if key not in kept for image in by_group[key]]
    monitor = [image for key in sorted(kept) for image in by_group[key]]
    return {
        "digest": training.manifest_digest,
        "images": [_entry(image) for image in learnt],
        "monitor": [_entry(image) for image in monitor],
    }


def _entry(image: SourceImage) -> dict[str, Any]:
    return {
        "path": str(path_of(image.digest)),
        "class": image.class_key or None,
        "digest": image.digest,
        "group": image.group.key,
    }
