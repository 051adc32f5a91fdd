"""Do synthetic pictures teach what real ones do? Train on synthetic, test on real, where classes exist.

- TRTR: the probe learns from the real training pictures; TSTR: from as many synthetic ones of each class.
- TSRTR: from both together; its control learns from the real ones **repeated to the same count**, because more of the same
  already changes a fit. All are tested on the same validation pictures, so differences are paired.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from evaluation.ml.fidelity import row
from evaluation.ml.groups import Codes, draw_rows
from evaluation.ml.images import ImageSet
from evaluation.ml.probe import Examples, choose_strength, class_scores
from evaluation.ml.ranking import area, clustered_se, reach
from evaluation.ml.report import MetricResult, Status
from evaluation.ml.shared import RealSide
from evaluation.ml.subject import Subject

Rows = npt.NDArray[np.float64]
SEEDS = 5
# A class with fewer groups of validation pictures is ranked by luck.
MIN_CLASS_GROUPS = 10
# The probe solves a system as large as its examples.
MAX_EXAMPLES = 1024
LABELS = {
    "tstr": "Trained on synthetic, tested on real",
    "tsrtr": "Trained on synthetic and real, tested on real",
}
_FLOORS = {
    "tstr": "floor: trained on the real training images",
    "tsrtr": "floor: trained on the real training images repeated to the same count",
}
_INTERVAL = "difference to the floor on the same images ± t · DeLong error, influences summed over groups"


@dataclass(frozen=True)
class Tested:
    """How one way of learning ranks the validation pictures: areas ``(C,)`` and influences ``(C, m)``."""

    areas: Rows
    influence: Rows


@dataclass(frozen=True)
class Course:
    """What is learnt from and tested on; classes are numbered in the order of `names`."""

    names: tuple[str, ...]
    real: Examples
    synthetic: Rows
    synthetic_classes: Codes
    test: Rows
    test_classes: Codes
    test_groups: Codes
    strength: float


def utility_rows(subject: Subject) -> list[MetricResult]:
    """TSTR and TSRTR, overall and for each class; nothing where pictures have no classes."""
    if not subject.class_keys:
        return []
    names, left_out = usable_classes(subject)
    if len(names) < 2:
        return [_none_row(subject, metric, left_out) for metric in LABELS]
    course = _course(subject, names)
    taught = _taught(course, subject.rng("utility/draws"), subject.real_side)
    return [
        result
        for metric in LABELS
        for result in _rows(subject, course, metric, *taught[metric], left_out=left_out)
    ]


def usable_classes(subject: Subject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Classes with two pictures in every set, and the others."""
    sets = (subject.synthetic, subject.reference, subject.training)
    counted = [Counter(images.class_keys) for images in sets]
    names = subject.class_keys
    usable = tuple(name for name in names if min(count[name] for count in counted) >= 2)
    return usable, tuple(name for name in names if name not in usable)


def _course(subject: Subject, names: tuple[str, ...]) -> Course:
    rng = subject.rng("utility/course")
    training, classes = _numbered(subject.training, names)
    share = min(1.0, MAX_EXAMPLES / len(training))
    kept = np.concatenate(
        [draw_rows(own, max(2, round(share * len(own))), rng) for own in _by_class(classes, len(names))]
    )
    training, classes = training[kept], classes[kept]
    rows = subject.training_rows[training]
    scale = np.maximum(rows.std(axis=0), 1e-3 * max(float(rows.std()), 1e-12))
    counts = np.maximum(np.bincount(classes, minlength=len(names)), 1)
    real = Examples(rows / scale, classes, 1.0 / counts[classes])
    synthetic, synthetic_classes = _numbered(subject.synthetic, names)
    test, test_classes = _numbered(subject.reference, names)
    groups = np.unique(subject.training.groups[training], return_inverse=True)[1]
    return Course(
        names=names,
        real=real,
        synthetic=subject.synthetic_rows[synthetic] / scale,
        synthetic_classes=synthetic_classes,
        test=subject.reference_rows[test] / scale,
        test_classes=test_classes,
        test_groups=subject.reference.groups[test],
        strength=subject.real_side.once(
            ("utility/strength", names), lambda: choose_strength(real, groups, len(names), rng)
        ),
    )


def _numbered(images: ImageSet, names: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], Codes]:
    """Rows of the pictures of these classes, and their classes as numbers."""
    number = {name: at for at, name in enumerate(names)}
    pairs = [(at, number[key]) for at, key in enumerate(images.class_keys) if key in number]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _taught(
    course: Course, rng: np.random.Generator, known: RealSide
) -> dict[str, tuple[list[Tested], Tested]]:
    """For each metric: one test a seed, and its floor (a mean over the same seeds)."""
    alone, joined, repeated = [], [], []
    weight = np.array([course.real.weights[course.real.classes == at][0] for at in range(len(course.names))])
    for _ in range(SEEDS):
        drawn = _draw_classes(course, rng)
        classes = course.synthetic_classes[drawn]
        synthetic = Examples(course.synthetic[drawn], classes, weight[classes])
        alone.append(_test(course, synthetic))
        joined.append(_test(course, _together(course.real, synthetic)))
        again = _repeated(course.real, classes)
        repeated.append(
            known.once(("utility", course.names, again.weights.tobytes()), partial(_test, course, again))
        )
    real = known.once(("utility", course.names), lambda: _test(course, course.real))
    return {"tstr": (alone, real), "tsrtr": (joined, _mean(repeated))}


def _draw_classes(course: Course, rng: np.random.Generator) -> Codes:
    """As many synthetic pictures of each class as there are training pictures, or all there are."""
    wanted = np.bincount(course.real.classes, minlength=len(course.names))
    found = _by_class(course.synthetic_classes, len(wanted))
    return np.concatenate([draw_rows(own, int(count), rng) for own, count in zip(found, wanted, strict=True)])


def _by_class(classes: Codes, count: int) -> list[Codes]:
    return [np.flatnonzero(classes == at) for at in range(count)]


def _together(first: Examples, second: Examples) -> Examples:
    return Examples(
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.classes, second.classes]),
        np.concatenate([first.weights, second.weights]),
    )


def _repeated(real: Examples, added: Codes) -> Examples:
    """The same pictures, each class as heavy as with the added ones: repetition is a weight."""
    own = np.bincount(real.classes, minlength=int(real.classes.max()) + 1)
    more = np.bincount(added, minlength=len(own))
    return Examples(real.rows, real.classes, real.weights * (1.0 + more / own)[real.classes])


def _test(course: Course, learn: Examples) -> Tested:
    scores = class_scores(learn, course.test, len(course.names), course.strength)
    found = [area(scores[:, at], course.test_classes == at) for at in range(len(course.names))]
    return Tested(np.array([value for value, _ in found]), np.stack([influence for _, influence in found]))


def _mean(tests: list[Tested]) -> Tested:
    return Tested(
        np.mean([test.areas for test in tests], axis=0), np.mean([test.influence for test in tests], axis=0)
    )


def _rows(
    subject: Subject,
    course: Course,
    metric: str,
    seeds: list[Tested],
    floor: Tested,
    left_out: tuple[str, ...],
) -> list[MetricResult]:
    everything = slice(None)
    rows = [_row(subject, course, metric, "", everything, seeds, floor, left_out)]
    return rows + [
        _row(subject, course, metric, name, slice(at, at + 1), seeds, floor, ())
        for at, name in enumerate(course.names)
    ]


def _row(
    subject: Subject, course: Course, metric: str, class_key: str, part: slice, seeds: list[Tested], floor: Tested,
    left_out: tuple[str, ...],
) -> MetricResult:  # fmt: skip
    found = _mean(seeds)
    value, other = float(found.areas[part].mean()), float(floor.areas[part].mean())
    influence = (found.influence[part] - floor.influence[part]).mean(axis=0)
    groups = len(np.unique(course.test_groups))
    wide = reach(clustered_se(influence, course.test_groups), groups) if groups > 1 else None
    difference = value - other
    status, reasons = _status(subject, course, part, left_out)
    return row(
        subject, metric, f"{LABELS[metric]} ({subject.extractor.name})", better="higher", class_key=class_key,
        value=value, floor=other, ratio=value / other if other else None,
        ci_low=None if wide is None else difference - wide, ci_high=None if wide is None else difference + wide,
        ci_of="difference", ci_method=_INTERVAL if wide is not None else "none: a single group",
        resamples=SEEDS, status=status, caveats=(*subject.caveats, *reasons), **_class_counts(subject, class_key),
        method=(
            "linear probe (ridge on features), mean over classes of the area under the curve, class against the rest, mean "
            f"over {SEEDS} draws; {_FLOORS[metric]}"
        ),
        details={
            "difference": difference,
            "seeds": [float(test.areas[part].mean()) for test in seeds],
            "ridge": course.strength,
            "classes": list(course.names[part]),
        },
    )  # fmt: skip


def _class_counts(subject: Subject, class_key: str) -> dict[str, int]:
    return asdict(subject.of_class(class_key).counts) if class_key else {}


def _status(
    subject: Subject, course: Course, part: slice, left_out: tuple[str, ...]
) -> tuple[Status, tuple[str, ...]]:
    reasons = [
        f"class {name} has fewer than two images in one of the sets and is left out" for name in left_out
    ]
    for at, name in list(enumerate(course.names))[part]:
        groups = len(np.unique(course.test_groups[course.test_classes == at]))
        if groups < MIN_CLASS_GROUPS:
            reasons.append(f"class {name} has {groups} validation group(s); {MIN_CLASS_GROUPS} are needed")
    short = subject.status == "ok" and bool(reasons)
    return ("insufficient" if short else subject.status), tuple(reasons)


def _none_row(subject: Subject, metric: str, left_out: tuple[str, ...]) -> MetricResult:
    names = ", ".join(left_out)
    return row(
        subject, metric, f"{LABELS[metric]} ({subject.extractor.name})", better="higher", value=None, floor=None,
        status="insufficient" if subject.status == "ok" else subject.status,
        caveats=(*subject.caveats, f"fewer than two classes have two images in every set; left out: {names}"),
        method=f"linear probe (ridge on features); {_FLOORS[metric]}",
    )  # fmt: skip
