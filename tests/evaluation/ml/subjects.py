"""Subjects whose features are drawn: no picture is read, so that many can be measured."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from evaluation.ml.extractors import Extractor
from evaluation.ml.images import ImageRef, ImageSet
from evaluation.ml.preprocess import Preprocessing
from evaluation.ml.subject import Rows, Subject
from evaluation.ml.symmetry import symmetry_names

SIDE = 32


class Drawn:
    """Stands where an extractor would; its features are drawn by the test."""

    name = "drawn"
    digest = "0" * 64
    calibrated = True
    dimension = 8
    preprocessing = Preprocessing(size=SIDE, mean=0.0, std=1.0)

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise AssertionError("features are drawn, never computed")


def image_set(
    name: str, groups: npt.NDArray[np.int64], rng: np.random.Generator, classes: list[str] | None = None
) -> ImageSet:
    """Pictures of noise with these groups."""
    n = len(groups)
    thumbs = rng.integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)
    refs = tuple(
        ImageRef(f"{name}-{at}", Path("nowhere"), f"{name}-{groups[at]}", classes[at] if classes else "")
        for at in range(n)
    )
    kept = min(n, 20)
    return ImageSet(
        name=name, refs=refs, pixel_digests=tuple(ref.id for ref in refs), canonical_digests=tuple(ref.id for ref in refs),
        groups=np.unique(groups, return_inverse=True)[1].astype(np.int64), thumbs=thumbs, constant=np.zeros(n, dtype=bool),
        mode="colour", size=(SIDE, SIDE), greys=thumbs[:kept, :, :, 0].astype(np.float32), grey_rows=np.arange(kept),
    )  # fmt: skip


def make_subject(
    *, seed: int, groups: int = 60, training_groups: int | None = None, per_group: int = 2, n_synthetic: int = 120,
    d: int = 8, copied: float = 0.0, shift: float = 0.0, classes: tuple[str, ...] = (), signal: float = 0.0,
    synthetic_signal: float | None = None,
) -> Subject:  # fmt: skip
    """Groups scatter around one centre, pictures around their group; classes move pictures along an axis of their own.

    Args:
        seed: of everything.
        groups: of the reference set, and of the training set where `training_groups` is not given.
        training_groups: of the training set.
        per_group: pictures of a group.
        n_synthetic: fresh pictures, each a group of its own.
        d: features.
        copied: this share of synthetic features are training features with hardly any noise.
        shift: added to all synthetic features.
        classes: names; each picture gets one at random.
        signal: how far a class stands from the others among real pictures.
        synthetic_signal: the same among synthetic pictures, as real where not given.
    """
    rng = np.random.default_rng(seed)

    def side(name: str, count: int, each: int, strength: float) -> tuple[ImageSet, Rows]:
        codes = np.repeat(np.arange(count), each)
        rows = rng.standard_normal((count, d))[codes] + 0.5 * rng.standard_normal((len(codes), d))
        named = rng.integers(0, max(1, len(classes)), len(codes))
        if classes:
            rows[np.arange(len(codes)), named] += strength
        return image_set(name, codes, rng, [classes[at] for at in named] if classes else None), rows

    reference, reference_rows = side("r", groups, per_group, signal)
    training, training_rows = side("t", training_groups or groups, per_group, signal)
    strength = signal if synthetic_signal is None else synthetic_signal
    synthetic, synthetic_rows = side("s", n_synthetic, 1, strength)
    planted = round(copied * n_synthetic)
    chosen = training_rows[rng.permutation(len(training_rows))[np.arange(planted) % len(training_rows)]]
    synthetic_rows[:planted] = chosen + 0.01 * rng.standard_normal((planted, d))
    mean = training_rows.mean(axis=0)
    return Subject(
        extractor=cast(Extractor, Drawn()), synthetic=synthetic, reference=reference, training=training,
        synthetic_rows=synthetic_rows + shift - mean, reference_rows=reference_rows - mean,
        training_rows=training_rows - mean, seed=seed, symmetries=symmetry_names("dihedral", square=True),
    )  # fmt: skip
