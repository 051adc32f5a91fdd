"""Copies, identical pictures and duplicates: what is found of each synthetic picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from evaluation.ml.crops import CropReacher
from evaluation.ml.disguises import MixtureSpace
from evaluation.ml.groups import Codes
from evaluation.ml.memorisation import Rows, Scores, score_pictures
from evaluation.ml.nearest import FeatureSpace, PixelSpace, Reach, Reacher, near_pairs, outlines, reach
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
class Nearest:
    """The training picture to which each synthetic one stands out the most as near, shapes (n,)."""

    row: npt.NDArray[np.int64]
    space: npt.NDArray[np.str_]
    distance: Rows  # in that space
    pixel_distance: Rows
    symmetry: npt.NDArray[np.str_]  # under which the pixels are that near

    def only(self, rows: npt.NDArray[np.int64]) -> Nearest:
        """What is known of some of the pictures."""
        return Nearest(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True)
class Copies:
    """What was found about each synthetic picture, shapes (n,), and about unseen real ones."""

    scores: Scores
    duplicates: Duplicates
    flags: dict[str, Flags]
    nearest: Nearest

    def only(self, after: Subject, rows: npt.NDArray[np.int64]) -> Copies:
        """What is known of `after`, the subject with only these rows left of its synthetic pictures."""
        scores, duplicates = self.scores.only(rows), self._duplicates_of(after, rows)
        return Copies(scores, duplicates, _flags(after, scores, duplicates), self.nearest.only(rows))

    def _duplicates_of(self, after: Subject, rows: npt.NDArray[np.int64]) -> Duplicates:
        known = self.duplicates
        if known.searched < len(self.nearest.row):  # in a sample, which is not that of what is left
            return find_duplicates(after, PixelSpace(after.symmetries))
        pairs = known.pairs[np.isin(known.pairs, rows).all(axis=1)]
        return replace(known, pairs=np.searchsorted(rows, pairs), searched=len(rows))


def find_copies(subject: Subject) -> Copies:
    """Look for copies, identical pictures and duplicates."""
    pixels = PixelSpace(subject.symmetries)
    found, null = _reaches(subject)
    scores = score_pictures(found, null, subject.reference.groups)
    duplicates = find_duplicates(subject, pixels)
    return Copies(
        scores, duplicates, _flags(subject, scores, duplicates), _nearest(subject, scores, found, pixels)
    )


def _flags(subject: Subject, scores: Scores, duplicates: Duplicates) -> dict[str, Flags]:
    synthetic = subject.synthetic
    identical = members(synthetic.canonical_digests, subject.training.canonical_digests)
    times = Counter(synthetic.canonical_digests)
    repeated = np.array([times[digest] > 1 for digest in synthetic.canonical_digests])
    repeated[duplicates.pairs.ravel()] = True
    return {
        "identical": identical,
        "identical_reference": members(synthetic.canonical_digests, subject.reference.canonical_digests),
        "copy": scores.copy | identical,
        "duplicate": repeated,
        "constant": synthetic.constant,
    }


def _nearest(subject: Subject, scores: Scores, found: dict[str, Reach], pixels: PixelSpace) -> Nearest:
    """The nearest pictures by the space that tells the most, or the equal one where there is one."""
    place = (scores.space, np.arange(subject.counts.n_synth))
    row = np.stack([known.nearest for known in found.values()])[place]
    distance = np.stack([known.to_training for known in found.values()])[place]
    equal = {digest: at for at, digest in enumerate(subject.training.canonical_digests)}
    equal_row = np.array([equal.get(digest, -1) for digest in subject.synthetic.canonical_digests])
    identical = equal_row >= 0
    row = np.where(identical, equal_row, row)
    apart, symmetry = pixels.match(subject.synthetic.thumbs, subject.training.thumbs[row])
    return Nearest(
        row=row,
        space=np.where(identical, pixels.name, np.array(list(found))[scores.space]),
        distance=np.where(identical, apart, distance),
        pixel_distance=apart,
        symmetry=symmetry,
    )


def _reaches(subject: Subject) -> tuple[dict[str, Reach], dict[str, Reach]]:
    """How near synthetic pictures, and unseen real ones, lie to both real sets, by space."""
    training, reference, groups = subject.training, subject.reference, subject.reference.groups
    mixtures = MixtureSpace(training.thumbs, subject.symmetries)
    thumbs = (training.thumbs, reference.thumbs, groups)
    features = Reacher(FeatureSpace(), subject.training_rows, subject.reference_rows, groups)
    crops = CropReacher(*thumbs, subject.symmetries)
    singles = Reacher(mixtures, *thumbs)

    def mixed(pictures: npt.NDArray[np.uint8], own: Codes | None = None) -> Reach:
        """To mixtures of training pictures; to single reference pictures."""
        to_mixtures = mixtures.to_mixtures(pictures, training.thumbs)
        return replace(singles.reach(pictures, own), to_training=to_mixtures)

    found = {
        "features": features.reach(subject.synthetic_rows),
        "crops": crops.reach(subject.synthetic.thumbs),
        "mixtures": mixed(subject.synthetic.thumbs),
    }
    null = {
        "features": features.reach(subject.reference_rows, groups),
        "crops": crops.reach(reference.thumbs, groups),
        "mixtures": mixed(reference.thumbs, groups),
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
    pictures = subject.synthetic.thumbs[searched]
    pairs = near_pairs(pixels, pictures, threshold, shortlist=outlines(pictures))
    return Duplicates(searched[pairs], threshold, apart < threshold, len(searched))


def image_scores(subject: Subject, copies: Copies) -> list[ImageScore]:
    """One score for each synthetic picture, in the order of their ids."""
    scores, nearest, flags = copies.scores, copies.nearest, copies.flags
    out = []
    for at, ref in enumerate(subject.synthetic.refs):
        p_value = None if scores.p_value is None else float(scores.p_value[at])
        out.append(
            ImageScore(
                id=ref.id,
                nearest_id=subject.training.refs[nearest.row[at]].id,
                distance=float(nearest.distance[at]),
                space=str(nearest.space[at]),
                symmetry=str(nearest.symmetry[at]),
                pixel_distance=float(nearest.pixel_distance[at]),
                ratio=None if scores.ratio is None else float(scores.ratio[at]),
                p_value=p_value,
                p_text=p_text(p_value, scores.n_groups),
                flags=tuple(name for name, flag in flags.items() if flag[at]),
            )
        )
    return sorted(out, key=lambda score: score.id)
