"""The three sets and their features, ready to be measured."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evaluation.ml.extractors import Extractor
from evaluation.ml.images import ImageSet, set_words
from evaluation.ml.report import Counts, Status, shortages, status_of
from evaluation.ml.shared import Index, Products, RealSide, Side
from generation.child import BadInput

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """What is measured. Features are float64 around the training mean: nothing cancels later.

    Shapes: `synthetic_rows` (n, d), `reference_rows` (n_real, d), `training_rows` (n_train, d).
    """

    extractor: Extractor
    synthetic: ImageSet
    reference: ImageSet
    training: ImageSet
    synthetic_rows: Rows
    reference_rows: Rows
    training_rows: Rows
    seed: int
    symmetries: tuple[str, ...]
    # Worked out once, also for classes and for what is left after discards; anything else that is made of a subject
    # by `replace` begins anew.
    products: Products = field(init=False, repr=False, compare=False)
    real_side: RealSide = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Begin with nothing worked out."""
        rows: dict[Side, Rows] = {
            "reference": self.reference_rows,
            "training": self.training_rows,
            "synthetic": self.synthetic_rows,
        }
        self._share(Products(rows), RealSide())

    def _share(self, products: Products, real_side: RealSide) -> None:
        object.__setattr__(self, "products", products)
        object.__setattr__(self, "real_side", real_side)

    @cached_property
    def counts(self) -> Counts:
        """Images and groups on each side."""
        return Counts(
            n_real=self.reference.n_images,
            n_synth=self.synthetic.n_images,
            n_train=self.training.n_images,
            n_groups=self.reference.n_groups,
            n_train_groups=self.training.n_groups,
        )

    @cached_property
    def contamination(self) -> tuple[str, ...]:
        """In words, what stands on both sides of the split; empty where the split is clean."""
        found = []
        shared = set(self.reference.labels) & set(self.training.labels)
        if shared:
            found.append(
                f"Training and validation set share {len(shared)} group(s): neither floors nor copies can be judged."
            )
        same = set(self.reference.canonical_digests) & set(self.training.canonical_digests)
        if same:
            found.append(f"{len(same)} image(s) stand in both the training and the validation set.")
        return tuple(found)

    @property
    def status(self) -> Status:
        """What limits every number over features."""
        return status_of(
            self.counts, calibrated=self.extractor.calibrated, contaminated=bool(self.contamination)
        )

    @property
    def pixel_status(self) -> Status:
        """What limits numbers that need no extractor."""
        return status_of(self.counts, calibrated=True, contaminated=bool(self.contamination))

    @cached_property
    def class_keys(self) -> tuple[str, ...]:
        """Classes that any side names, in order; none where fewer than two are named."""
        sides = (self.synthetic, self.reference, self.training)
        found = tuple(sorted({key for images in sides for key in images.class_keys} - {""}))
        return found if len(found) > 1 else ()

    @property
    def caveats(self) -> tuple[str, ...]:
        """In words, what limits every number."""
        return (*self.contamination, *shortages(self.counts))

    def without(self, ids: Collection[str]) -> Subject:
        """The same without some synthetic pictures, as after discards."""
        gone = set(ids)
        keep = np.array(
            [at for at, ref in enumerate(self.synthetic.refs) if ref.id not in gone], dtype=np.int64
        )
        left = replace(self, synthetic=self.synthetic.only(keep), synthetic_rows=self.synthetic_rows[keep])
        left._share(self.products.only({"synthetic": keep}), self.real_side)
        return left

    def of_class(self, key: str) -> Subject:
        """The pictures of one class on all sides; a side may be left empty."""
        rows = [
            np.array([at for at, found in enumerate(images.class_keys) if found == key], dtype=np.int64)
            for images in (self.synthetic, self.reference, self.training)
        ]
        part = replace(
            self,
            synthetic=self.synthetic.only(rows[0]),
            reference=self.reference.only(rows[1]),
            training=self.training.only(rows[2]),
            synthetic_rows=self.synthetic_rows[rows[0]],
            reference_rows=self.reference_rows[rows[1]],
            training_rows=self.training_rows[rows[2]],
        )
        places: dict[Side, Index] = {"synthetic": rows[0], "reference": rows[1], "training": rows[2]}
        part._share(self.products.only(places), self.real_side.of_class(key))
        return part

    def rng(self, purpose: str) -> np.random.Generator:
        """A stream for one purpose: adding a metric changes no other metric's draws."""
        key = int.from_bytes(hashlib.sha256(f"{self.seed}|{purpose}".encode()).digest()[:16], "big")
        return np.random.Generator(np.random.Philox(key=key))


def refuse_collapsed(rows: npt.NDArray[np.floating], name: str) -> None:
    """Stop where different pictures all gave the same features: nothing can be measured.

    Raises:
        BadInput: identical_features.
    """
    if not np.ptp(rows, axis=0).any():
        raise BadInput(
            "identical_features", f"all images of the {set_words(name)} set have the same features"
        )
