"""Copies, identical pictures and duplicates: one score per synthetic picture, and the shares."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.ml.fidelity import row
from evaluation.ml.groups import unit_means
from evaluation.ml.intervals import median_interval, wilson
from evaluation.ml.memorisation import ALPHA, SEPARATION, Scores, score_pictures
from evaluation.ml.nearest import FeatureSpace, PixelSpace, Reach, nearest_other, reach
from evaluation.ml.report import MIN_SYNTHETIC, ImageScore, MetricResult, Status, p_text
from evaluation.ml.subject import Subject

Flags = npt.NDArray[np.bool_]
# Larger sets are searched for near duplicates in a random sample of this size (equal pixels are always found).
MAX_NEAR = 4096


@dataclass(frozen=True)
class Duplicates:
    """Pictures of one set that are the same as another of it; `searched` says how many were compared closely."""

    flags: Flags
    threshold: float
    real_share: float
    searched: int


def copying(subject: Subject) -> tuple[list[MetricResult], list[ImageScore]]:
    """All results about copying, and each synthetic picture's score."""
    pixels, features = PixelSpace(subject.symmetries), FeatureSpace()
    groups = subject.reference.groups
    found: dict[str, Reach] = {}
    null: dict[str, Reach] = {}
    thumbs = (subject.training.thumbs, subject.reference.thumbs)
    found["pixels"] = reach(pixels, subject.synthetic.thumbs, *thumbs, groups)
    null["pixels"] = reach(pixels, subject.reference.thumbs, *thumbs, groups, own=groups)
    rows = (subject.training_rows, subject.reference_rows)
    found["features"] = reach(features, subject.synthetic_rows, *rows, groups)
    null["features"] = reach(features, subject.reference_rows, *rows, groups, own=groups)
    scores = score_pictures(found, null, groups)
    duplicates = find_duplicates(subject, pixels, null["pixels"])
    identical = _members(subject.synthetic.canonical_digests, subject.training.canonical_digests)
    leaked = _members(subject.synthetic.canonical_digests, subject.reference.canonical_digests)
    flags = {
        "identical": identical,
        "identical_reference": leaked,
        "copy": scores.copy | identical,
        "duplicate": duplicates.flags,
        "constant": subject.synthetic.constant,
    }
    results = [
        _nearest_row(subject, scores),
        _copies_row(subject, scores, flags["copy"]),
        _identical_row(subject, identical, leaked),
        _duplicates_row(subject, duplicates),
    ]
    return results, _image_scores(subject, scores, found, pixels, flags)


def _members(digests: tuple[str, ...], among: tuple[str, ...]) -> Flags:
    known = set(among)
    return np.array([digest in known for digest in digests])


def find_duplicates(subject: Subject, pixels: PixelSpace, null: Reach) -> Duplicates:
    """Equal pictures, and pictures nearer to each other than half of what unseen real pictures ever are.

    The threshold is half of the first percentile of the pixel distance between a reference picture and the nearest
    real picture of another group.
    """
    apart = np.minimum(null.to_training, null.to_groups.min(axis=1))
    threshold = 0.5 * float(np.quantile(apart, 0.01))
    times = Counter(subject.synthetic.canonical_digests)
    flags = np.array([times[digest] > 1 for digest in subject.synthetic.canonical_digests])
    rng = subject.rng("duplicates")
    searched = np.sort(rng.permutation(subject.counts.n_synth)[:MAX_NEAR])
    near = nearest_other(pixels, subject.synthetic.thumbs[searched]) < threshold
    flags[searched] |= near
    real = unit_means((apart < threshold).astype(np.float64), subject.reference.groups).mean()
    return Duplicates(flags, threshold, float(real), len(searched))


def _image_scores(
    subject: Subject, scores: Scores, found: dict[str, Reach], pixels: PixelSpace, flags: dict[str, Flags]
) -> list[ImageScore]:
    by_digest = {digest: at for at, digest in enumerate(subject.training.canonical_digests)}
    names = list(found)
    out = []
    for at, ref in enumerate(subject.synthetic.refs):
        space = names[int(scores.space[at])]
        nearest = int(found[space].nearest[at])
        if flags["identical"][at]:
            space, nearest = "pixels", by_digest[subject.synthetic.canonical_digests[at]]
        apart, symmetry = pixels.match(subject.synthetic.thumbs[at], subject.training.thumbs[nearest])
        p_value = None if scores.p_value is None else float(scores.p_value[at])
        out.append(
            ImageScore(
                id=ref.id,
                nearest_id=subject.training.refs[nearest].id,
                distance=apart if space == "pixels" else float(found[space].to_training[at]),
                space=space,
                symmetry=symmetry,
                pixel_distance=apart,
                ratio=None if scores.ratio is None else float(scores.ratio[at]),
                p_value=p_value,
                p_text=p_text(p_value, scores.n_groups),
                flags=tuple(name for name, flag in flags.items() if flag[at]),
            )
        )
    return sorted(out, key=lambda score: score.id)


def _nearest_row(subject: Subject, scores: Scores) -> MetricResult:
    method = (
        "distance to the nearest training picture over distance to the nearest reference picture, relative to the "
        "median of the same for unseen real pictures (floor 1); median over synthetic pictures"
    )
    if scores.ratio is None:
        return row(
            subject, "nearest_real", "Nearest real picture (ratio)", better="higher", value=None, floor=None,
            method=method, status="insufficient" if subject.status == "ok" else subject.status,
        )  # fmt: skip
    low, high = median_interval(scores.ratio)
    value = float(np.median(scores.ratio))
    return row(
        subject, "nearest_real", "Nearest real picture (ratio)", better="higher", value=value, floor=1.0, ratio=value,
        ci_low=low, ci_high=high, ci_method="order statistics over synthetic pictures", method=method,
        details={"smallest": float(scores.ratio.min())},
    )  # fmt: skip


def _copies_row(subject: Subject, scores: Scores, copies: Flags) -> MetricResult:
    hits, n = int(copies.sum()), len(copies)
    low, high = wilson(hits, n)
    expected = scores.expected_share
    return row(
        subject, "copies", "Pictures flagged as copies", better="lower", value=hits / n, floor=expected,
        ratio=hits / n / expected if expected else None, ci_low=low, ci_high=high, ci_method="Wilson",
        method=(
            f"flagged at conformal p ≤ {ALPHA:g} over groups, or below {SEPARATION:g} of the smallest ratio of any unseen "
            "real picture; floor: share of unseen real pictures that the same rule flags"
        ),
        details={"flagged": hits, "alpha": ALPHA, "smallest_possible_p": f"1 of {scores.n_groups + 1}"},
    )  # fmt: skip


def _identical_row(subject: Subject, identical: Flags, leaked: Flags) -> MetricResult:
    hits, n = int(identical.sum()), len(identical)
    real = _members(subject.reference.canonical_digests, subject.training.canonical_digests)
    low, high = wilson(hits, n)
    return row(
        subject, "identical", "Pictures identical to a training picture", better="lower", value=hits / n,
        floor=float(real.mean()), ci_low=low, ci_high=high, ci_method="Wilson", extractor="pixels",
        extractor_sha256="", preprocessing="none", dtype="uint8", caveats=(),
        status="contaminated" if subject.contamination else "ok",
        method=f"equal pixels under {len(subject.symmetries)} symmetries; floor: reference pictures among the training set",
        details={"identical": hits, "identical_to_reference": int(leaked.sum())},
    )  # fmt: skip


def _duplicates_row(subject: Subject, found: Duplicates) -> MetricResult:
    hits, n = int(found.flags.sum()), len(found.flags)
    low, high = wilson(hits, n)
    enough: Status = "ok" if n >= MIN_SYNTHETIC else "insufficient"
    return row(
        subject, "duplicates", "Pictures that repeat within the set", better="lower", value=hits / n,
        floor=found.real_share, ci_low=low, ci_high=high, ci_method="Wilson", extractor="pixels", extractor_sha256="",
        preprocessing="reduced pixels", dtype="float32",
        status="contaminated" if subject.contamination else enough,
        method=(
            "equal pixels under the symmetries, or a pixel distance below half of the first percentile between real "
            f"pictures of different groups; {found.searched} of {n} pictures compared closely"
        ),
        details={"repeated": hits, "threshold_grey_levels": found.threshold},
    )  # fmt: skip
