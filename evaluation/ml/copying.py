"""Copies, identical pictures and duplicates: what is found of each synthetic picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evaluation.ml.disguises import CropSpace, MixtureSpace, mixture_reach
from evaluation.ml.memorisation import Scores, score_pictures
from evaluation.ml.nearest import FeatureSpace, PixelSpace, Reach, near_pairs, reach
from evaluation.ml.report import ImageScore, p_text
from evaluation.ml.subject import Subject

Flags = npt.NDArray[np.bool_]
# Larger sets are searched for near duplicates in a random sample of this size (equal pixels are always found).
MAX_NEAR = 4096


@dataclass(frozen=True)
class Duplicates:
    """Pictures of one set that are the same as another of it; `searched` says how many were compared closely."""

    pairs: npt.NDArray[np.int64]  # (k, 2) rows of pictures that look the same
    threshold: float
    unseen: Flags  # (n_reference,) unseen real pictures that the same threshold would call repeated
    searched: int


@dataclass(frozen=True)
class Copies:
    """What was found about each synthetic picture, shapes (n,), and about unseen real ones."""

    scores: Scores
    duplicates: Duplicates
    flags: dict[str, Flags]
    found: dict[str, Reach]
    pixels: PixelSpace

    def only(self, after: Subject, rows: npt.NDArray[np.int64]) -> Copies:
        """What is known of `after`, the subject with only these rows left of its synthetic pictures."""
        found = {
            name: Reach(known.to_training[rows], known.nearest[rows], known.to_groups[rows])
            for name, known in self.found.items()
        }
        pairs = self.duplicates.pairs[np.isin(self.duplicates.pairs, rows).all(axis=1)]
        duplicates = replace(
            self.duplicates,
            pairs=np.searchsorted(rows, pairs),
            searched=min(self.duplicates.searched, len(rows)),
        )
        return _together(after, self.scores.only(rows), duplicates, found, self.pixels)


def find_copies(subject: Subject) -> Copies:
    """Look for copies, identical pictures and duplicates."""
    pixels = PixelSpace(subject.symmetries)
    found, null = _reaches(subject)
    scores = score_pictures(found, null, subject.reference.groups)
    return _together(subject, scores, find_duplicates(subject, pixels), found, pixels)


def _together(
    subject: Subject, scores: Scores, duplicates: Duplicates, found: dict[str, Reach], pixels: PixelSpace
) -> Copies:
    synthetic = subject.synthetic
    identical = members(synthetic.canonical_digests, subject.training.canonical_digests)
    times = Counter(synthetic.canonical_digests)
    repeated = np.array([times[digest] > 1 for digest in synthetic.canonical_digests])
    repeated[duplicates.pairs.ravel()] = True
    flags = {
        "identical": identical,
        "identical_reference": members(synthetic.canonical_digests, subject.reference.canonical_digests),
        "copy": scores.copy | identical,
        "duplicate": repeated,
        "constant": synthetic.constant,
    }
    return Copies(scores, duplicates, flags, found, pixels)


def _reaches(subject: Subject) -> tuple[dict[str, Reach], dict[str, Reach]]:
    """How near synthetic pictures, and unseen real ones, lie to both real sets, by space."""
    training, reference, groups = subject.training, subject.reference, subject.reference.groups
    crops = CropSpace(training.thumbs, subject.symmetries)
    mixtures = MixtureSpace(training.thumbs, subject.symmetries)
    rows = (subject.training_rows, subject.reference_rows, groups)
    thumbs = (training.thumbs, reference.thumbs, groups)
    found = {
        "features": reach(FeatureSpace(), subject.synthetic_rows, *rows),
        "crops": reach(crops, subject.synthetic.thumbs, *thumbs),
        "mixtures": mixture_reach(mixtures, subject.synthetic.thumbs, *thumbs),
    }
    null = {
        "features": reach(FeatureSpace(), subject.reference_rows, *rows, own=groups),
        "crops": reach(crops, reference.thumbs, *thumbs, own=groups),
        "mixtures": mixture_reach(mixtures, reference.thumbs, *thumbs, own=groups),
    }
    return found, null


def members(digests: tuple[str, ...], among: tuple[str, ...]) -> Flags:
    """Which digests stand among others."""
    known = set(among)
    return np.array([digest in known for digest in digests])


def find_duplicates(subject: Subject, pixels: PixelSpace) -> Duplicates:
    """Equal pictures, and pictures nearer to each other than half of what unseen real pictures ever are.

    The threshold is half of the first percentile of the pixel distance between a reference picture and the nearest
    real picture of another group.
    """
    groups = subject.reference.groups
    thumbs = subject.reference.thumbs
    null = reach(pixels, thumbs, subject.training.thumbs, thumbs, groups, own=groups)
    apart = np.minimum(null.to_training, null.to_groups.min(axis=1))
    threshold = 0.5 * float(np.quantile(apart, 0.01))
    rng = subject.rng("duplicates")
    searched = np.sort(rng.permutation(subject.counts.n_synth)[:MAX_NEAR])
    pairs = near_pairs(pixels, subject.synthetic.thumbs[searched], threshold)
    return Duplicates(searched[pairs], threshold, apart < threshold, len(searched))


def image_scores(subject: Subject, copies: Copies) -> list[ImageScore]:
    """One score for each synthetic picture, in the order of their ids."""
    scores, found, pixels, flags = copies.scores, copies.found, copies.pixels, copies.flags
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
