"""The distances, shares and attacks once more for each class, against the real pictures of that class alone.

Shares of copies and duplicates are told apart by class where they are found; utility knows classes by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from evaluation.ml.attack import attack_rows
from evaluation.ml.closeness import closeness_row
from evaluation.ml.fidelity import frechet_pca_row, frechet_row, kernel_row, prdc_rows
from evaluation.ml.images import MIN_IMAGES
from evaluation.ml.report import MetricResult
from evaluation.ml.subject import Subject
from evaluation.ml.variety import effective_number_rows, structure_row

# More classes than these have too few pictures each to be measured one by one: the largest are.
MAX_CLASSES = 20
Step = Callable[[Subject], list[MetricResult]]
# What is measured overall and for each class.
STEPS: dict[str, Step] = {
    "fd": lambda subject: [frechet_row(subject)],
    "fd_pca": lambda subject: [frechet_pca_row(subject)],
    "kid": lambda subject: [kernel_row(subject)],
    "prdc": prdc_rows,
    "diversity": effective_number_rows,
    "ms_ssim": lambda subject: [structure_row(subject)],
    "dcr_share": lambda subject: [closeness_row(subject)],
    "membership": attack_rows,
}


def class_rows(subject: Subject, overall: list[MetricResult]) -> list[MetricResult]:
    """Results for each class that is measured.

    Args:
        subject: the whole.
        overall: results of `STEPS` for the whole: where a class is too small for them, they lend name and method.
    """
    return [
        result for key in measured_classes(subject) for result in _one(subject.of_class(key), key, overall)
    ]


def measured_classes(subject: Subject) -> tuple[str, ...]:
    """The classes of most synthetic pictures, at most `MAX_CLASSES`."""
    counted = Counter(subject.synthetic.class_keys)
    return tuple(sorted(subject.class_keys, key=lambda key: (-counted[key], key))[:MAX_CLASSES])


def _one(part: Subject, key: str, overall: list[MetricResult]) -> list[MetricResult]:
    counts = part.counts
    if min(counts.n_synth, counts.n_real, counts.n_train) < MIN_IMAGES:
        return [_empty(part, key, result) for result in overall]
    return [replace(result, class_key=key) for step in STEPS.values() for result in step(part)]


def _empty(part: Subject, key: str, overall: MetricResult) -> MetricResult:
    counts = part.counts
    return replace(
        overall, class_key=key, n_real=counts.n_real, n_synth=counts.n_synth, n_train=counts.n_train,
        n_groups=counts.n_groups, n_train_groups=counts.n_train_groups, value=None, floor=None, ratio=None, ci_low=None,
        ci_high=None, ci_method="", p_value=None, p_text="", resamples=0, details={}, seconds=0.0,
        status="insufficient" if part.status == "ok" else part.status,
        caveats=(*part.caveats, f"no number is given below {MIN_IMAGES} images on each side"),
    )  # fmt: skip
