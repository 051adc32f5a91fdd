"""The shares of copies, identical pictures and duplicates, of all synthetic pictures and of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.ml.copying import Copies, Flags, image_scores, members
from evaluation.ml.fidelity import row
from evaluation.ml.groups import unit_means
from evaluation.ml.images import MIN_IMAGES
from evaluation.ml.intervals import median_interval, wilson
from evaluation.ml.memorisation import ALPHA, SEPARATION, Rows
from evaluation.ml.report import MIN_SYNTHETIC, ImageScore, MetricResult, Status
from evaluation.ml.subject import Subject


@dataclass(frozen=True)
class _Part:
    """All pictures or those of one class; who is a copy was judged against all real pictures in either case."""

    subject: Subject  # the pictures of the part
    copies: Copies
    class_key: str
    synthetic: Flags  # (n,) which of the whole set's synthetic pictures belong to it
    reference: Flags  # (n_reference,) likewise

    def row(self, metric: str, label: str, **fields: Any) -> MetricResult:
        return row(self.subject, metric, label, class_key=self.class_key, **fields)

    def share(
        self, metric: str, label: str, hits: Flags, unseen: Flags | None, **fields: Any
    ) -> MetricResult:
        """A share of the part's synthetic pictures, the floor being that of its unseen real ones."""
        found, n = int(hits[self.synthetic].sum()), int(self.synthetic.sum())
        floor = None
        if unseen is not None and self.reference.any():
            floor = float(unit_means(unseen[self.reference], self.subject.reference.groups).mean())
        low, high = wilson(found, n) if n else (None, None)
        return self.row(
            metric, label, better="lower", value=found / n if n else None, floor=floor,
            ratio=found / n / floor if n and floor else None, ci_low=low, ci_high=high, ci_method="Wilson",
            **fields,
        )  # fmt: skip


def copying(subject: Subject, copies: Copies) -> tuple[list[MetricResult], list[ImageScore]]:
    """All results about copying, overall and for each class, and each synthetic picture's score."""
    everything = (np.ones(subject.counts.n_synth, dtype=bool), np.ones(subject.counts.n_real, dtype=bool))
    parts = [_Part(subject, copies, "", *everything)]
    for key in subject.class_keys:
        own = [np.array(images.class_keys) == key for images in (subject.synthetic, subject.reference)]
        parts.append(_Part(subject.of_class(key), copies, key, *own))
    results = [make(part) for part in parts for make in (_nearest, _copies, _identical, _duplicates)]
    return results, image_scores(subject, copies)


def _nearest(part: _Part) -> MetricResult:
    label = "Nearest real image (ratio)"
    method = (
        "distance to the nearest training image over distance to the nearest validation image, relative to the "
        "median of the same for unseen real images (floor 1); median over synthetic images"
    )
    ratio = part.copies.scores.ratio
    own = None if ratio is None else ratio[part.synthetic]
    if own is None or len(own) < MIN_IMAGES:
        status: Status = part.subject.status
        return part.row(
            "nearest_real", label, better="higher", value=None, floor=None, method=method,
            status="insufficient" if status == "ok" else status,
        )  # fmt: skip
    low, high = median_interval(own)
    value = float(np.median(own))
    return part.row(
        "nearest_real", label, better="higher", value=value, floor=1.0, ratio=value, ci_low=low, ci_high=high,
        ci_method="order statistics over synthetic images", method=method, details={"smallest": float(own.min()), "histogram": _histogram(part, own)},
    )  # fmt: skip


def _histogram(part: _Part, own: Rows) -> dict[str, list[float]]:
    """How many synthetic and how many unseen real pictures have which ratio; the outermost bins hold all beyond them."""
    unseen = part.copies.scores.unseen_ratio
    real = own[:0] if unseen is None else unseen[part.reference]
    edges = np.geomspace(0.25, 4.0, 25)
    counts = [np.histogram(np.clip(found, edges[0], edges[-1]), edges)[0].tolist() for found in (own, real)]
    return {"edges": edges.round(4).tolist(), "synthetic": counts[0], "unseen": counts[1]}


def _copies(part: _Part) -> MetricResult:
    scores, hits = part.copies.scores, part.copies.flags["copy"]
    return part.share(
        "copies", "Images flagged as copies", hits, scores.unseen,
        method=(
            f"flagged at conformal p ≤ {ALPHA:g} over groups, or below {SEPARATION:g} of the smallest ratio of any unseen "
            "real image; floor: share of unseen real images that the same rule flags"
        ),
        details={
            "flagged": int(hits[part.synthetic].sum()), "alpha": ALPHA,
            "smallest_possible_p": f"1 of {scores.n_groups + 1}",
        },
    )  # fmt: skip


def _identical(part: _Part) -> MetricResult:
    whole, flags = part.subject, part.copies.flags
    real = np.zeros(len(part.reference), dtype=bool)
    real[part.reference] = members(whole.reference.canonical_digests, whole.training.canonical_digests)
    return part.share(
        "identical", "Images identical to a training image", flags["identical"], real, extractor="pixels",
        extractor_sha256="", preprocessing="none", dtype="uint8", caveats=whole.contamination,
        status="contaminated" if whole.contamination else "ok",
        method=f"equal pixels under {len(whole.symmetries)} symmetries; floor: validation images among the training set",
        details={
            "identical": int(flags["identical"][part.synthetic].sum()),
            "identical_to_reference": int(flags["identical_reference"][part.synthetic].sum()),
        },
    )  # fmt: skip


def _duplicates(part: _Part) -> MetricResult:
    found, hits = part.copies.duplicates, part.copies.flags["duplicate"]
    n = int(part.synthetic.sum())
    enough: Status = "ok" if n >= MIN_SYNTHETIC else "insufficient"
    return part.share(
        "duplicates", "Images that repeat within the set", hits, found.unseen, extractor="pixels",
        extractor_sha256="", preprocessing="reduced pixels", dtype="float32",
        status="contaminated" if part.subject.contamination else enough,
        method=(
            "equal pixels under the symmetries, or a pixel distance below half of the first percentile between real "
            f"images of different groups; {found.searched} of {len(hits)} images compared closely"
        ),
        details={"repeated": int(hits[part.synthetic].sum()), "threshold_grey_levels": found.threshold},
    )  # fmt: skip
