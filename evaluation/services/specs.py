"""What the child processes of an evaluation are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from evaluation.ml.extractors import INCEPTION
from evaluation.ml.weights import find_imported
from evaluation.models import Evaluation
from generation.models import SourceImage, Split, Symmetries, SyntheticImage
from synthlab.core.files import path_of


def shard_specs(evaluation: Evaluation, first: int, stop: int) -> Iterator[dict[str, Any]]:
    """What the children of a shard are told, one an extractor: that of the evaluation, and Inception where it is."""
    images = [_synthetic(image) for image in evaluation.image_set.members()[first:stop]]
    extractors = [evaluation.extractor]
    if find_imported(Path(settings.WEIGHTS_ROOT), INCEPTION) is not None:
        extractors.append(INCEPTION)
    for extractor in extractors:
        yield {**_means(), "extractor": extractor, "images": images}


def _means() -> dict[str, Any]:
    """Where features and weights lie, and how much of the machine there is."""
    return {
        "features": str(settings.FEATURE_ROOT),
        "weights": str(settings.WEIGHTS_ROOT),
        "threads": settings.TORCH_THREADS,
    }


def evaluation_spec(evaluation: Evaluation) -> dict[str, Any]:
    """What the evaluation child is told."""
    images = evaluation.dataset.images.present().select_related("group").order_by("digest")
    return {
        **_means(),
        "extractor": evaluation.extractor,
        "synthetic": [_synthetic(image) for image in evaluation.image_set.members()],
        "reference": [_real(image) for image in images.in_split(evaluation.split)],
        "training": [_real(image) for image in images.in_split(Split.TRAIN)],
        # Whatever training may do: a mirrored or turned scan is still that patient's scan.
        "symmetries": Symmetries.DIHEDRAL,
        "seed": evaluation.seed,
    }


def _synthetic(image: SyntheticImage) -> dict[str, Any]:
    return {
        "id": str(image.pk),
        "path": str(path_of(image.digest)),
        "digest": image.digest,
        "class": image.class_key,
    }


def _real(image: SourceImage) -> dict[str, Any]:
    return {
        "id": str(image.pk),
        "path": str(path_of(image.digest)),
        "digest": image.digest,
        "group": image.group.key,
        "class": image.class_key,
    }
