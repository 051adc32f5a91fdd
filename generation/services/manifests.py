"""What a training reads: the frozen list of training images and the monitor slice held back from it."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import Any

from generation.ml.holdback import monitor_groups
from generation.models import Dataset, SourceImage, Split
from synthlab.core.files import path_of


def dataset_digest(dataset: Dataset) -> str:
    """SHA-256 over every present image's digest, class, group and split, in a fixed order."""
    rows = (
        dataset.images.present()
        .order_by("digest")
        .values_list("digest", "class_key", "group__key", "group__split")
    )
    return hashlib.sha256(json.dumps(list(rows), separators=(",", ":")).encode()).hexdigest()


def training_manifest(dataset: Dataset, *, seed: int) -> dict[str, Any]:
    """The spec's manifest: training images and the monitor slice, with absolute paths.

    Whole groups go to the monitor slice, because images of one group look alike and a checkpoint chosen on
    the brothers of its training images would be chosen on nothing. With one group there is no monitor slice.
    """
    by_group: dict[str, list[SourceImage]] = defaultdict(list)
    rows = dataset.images.present().in_split(Split.TRAIN).select_related("group").order_by("digest")
    for image in rows:
        by_group[image.group.key].append(image)
    kept = monitor_groups({key: len(images) for key, images in by_group.items()}, seed=seed)
    training = [image for key in sorted(by_group) if key not in kept for image in by_group[key]]
    monitor = [image for key in sorted(kept) for image in by_group[key]]
    return {
        "digest": dataset.manifest_digest,
        "images": [_entry(image) for image in training],
        "monitor": [_entry(image) for image in monitor],
    }


def _entry(image: SourceImage) -> dict[str, Any]:
    return {
        "path": str(path_of(image.digest)),
        "class": image.class_key or None,
        "digest": image.digest,
        "group": image.group.key,
    }
