"""Fréchet distance, kernel distance, and precision, recall, density, coverage, each beside its floor."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.ml import kernel
from evaluation.ml.draws import Draw, Index, Matched, measure, measure_all
from evaluation.ml.frechet import distance_by_products, frechet_distance, principal_axes
from evaluation.ml.groups import Codes, all_single, draw_rows
from evaluation.ml.prdc import Prdc, prdc
from evaluation.ml.report import MetricResult, p_text
from evaluation.ml.shared import Side
from evaluation.ml.subject import Subject

Rows = npt.NDArray[np.float64]
PERMUTATIONS = 999
PCA_COMPONENTS = 64
# Rows beyond these cost quadratic time and change a p-value by less than its own resolution.
MAX_NULL_ROWS = 4096

_HALVES = (
    "ratio ± t · standard deviation over draws of half of the real groups (delete-half jackknife); it understates "
    "what another validation set would change"
)
_PRDC_LABELS = {"precision": "Precision", "recall": "Recall", "density": "Density", "coverage": "Coverage"}


def row(subject: Subject, metric: str, label: str, **fields: Any) -> MetricResult:
    """A result over features with the fields that all of them share."""
    counts = subject.counts
    defaults: dict[str, Any] = {
        "extractor": subject.extractor.name,
        "extractor_sha256": subject.extractor.digest,
        "preprocessing": subject.extractor.preprocessing.text,
        "n_real": counts.n_real,
        "n_synth": counts.n_synth,
        "n_train": counts.n_train,
        "n_groups": counts.n_groups,
        "n_train_groups": counts.n_train_groups,
        "ci_method": "",
        "ci_of": "value",
        "p_value": None,
        "p_text": "",
        "resamples": 0,
        "seed": subject.seed,
        "dtype": "float64 over float32 features",
        "status": subject.status,
        "caveats": subject.caveats,
        "ratio": None,
        "ci_low": None,
        "ci_high": None,
    }
    return MetricResult(metric=metric, label=label, **{**defaults, **fields})


def matched_row(
    subject: Subject, metric: str, label: str, found: Matched | None, method: str, better: str = "lower"
) -> MetricResult:
    """A result from matched draws; without a value where the statistic is not defined."""
    if found is None:
        caveats = (*subject.caveats, "not defined with so few groups")
        return row(
            subject, metric, label, better=better, value=None, floor=None, method=method, caveats=caveats,
            status="insufficient" if subject.status == "ok" else subject.status,
        )  # fmt: skip
    return row(
        subject,
        metric,
        label,
        better=better,
        value=found.value,
        floor=found.floor,
        ratio=found.ratio,
        ci_low=found.low,
        ci_high=found.high,
        ci_of="ratio",
        ci_method=_HALVES if found.low is not None else "none: fewer than four groups on a side",
        resamples=found.draws,
        method=method,
        details={"matched_n": found.size},
    )


def matched_frechet(subject: Subject, name: str) -> Matched | None:
    """FD(reference, synthetic) beside FD(reference, training), at equal n; `name` is the purpose of its draws."""
    products = subject.products

    def distance(draw: Draw, side: Side, rows: Index) -> float:
        real = draw.reference
        return distance_by_products(
            products.of("reference", real, "reference", real),
            products.of("reference", real, side, rows),
            products.of(side, rows, side, rows),
        )

    def statistic(draw: Draw) -> tuple[float, float]:
        floor = subject.real_side.once((name, draw.real), lambda: distance(draw, "training", draw.training))
        return distance(draw, "synthetic", draw.synthetic), floor

    return measure(subject, name, statistic)


def frechet_row(subject: Subject) -> MetricResult:
    """The Fréchet distance over the extractor's features."""
    method = (
        "Fréchet distance by the nuclear norm of the centred cross-Gram, float64; mean over matched draws; "
        "floor: training against reference at the same n"
    )
    found = matched_frechet(subject, "fd")
    return matched_row(subject, "fd", f"FD ({subject.extractor.name})", found, method)


def frechet_pca_row(subject: Subject) -> MetricResult:
    """The same on the leading axes of the training features: less bias from dimension."""
    mean, axes = subject.real_side.once("axes", lambda: principal_axes(subject.training_rows, PCA_COMPONENTS))
    real, training, synthetic = (
        (rows - mean) @ axes
        for rows in (subject.reference_rows, subject.training_rows, subject.synthetic_rows)
    )

    def statistic(draw: Draw) -> tuple[float, float]:
        floor = subject.real_side.once(
            ("fd_pca", draw.real), lambda: frechet_distance(real[draw.reference], training[draw.training])
        )
        return frechet_distance(real[draw.reference], synthetic[draw.synthetic]), floor

    found = measure(subject, "fd_pca", statistic)
    method = f"as FD, on the {axes.shape[1]} leading axes of the training features"
    return matched_row(
        subject, "fd_pca", f"FD ({subject.extractor.name}, {axes.shape[1]} axes)", found, method
    )


def kernel_row(subject: Subject) -> MetricResult:
    """KID over all images, with jackknife interval and permutation p."""
    method = (
        "squared MMD, kernel (x·y/d + 1)³, full U-statistic without pairs inside a group; ratio: over the larger of "
        "floor and the 95 % point of the distance between real sets when whole groups are dealt at random"
    )
    label = f"KID ({subject.extractor.name})"
    if min(subject.counts.n_groups, subject.counts.n_train_groups) < 2:
        return matched_row(subject, "kid", label, None, method)
    real, training, synthetic = subject.reference_rows, subject.training_rows, subject.synthetic_rows
    groups, training_groups = subject.reference.groups, subject.training.groups
    found = kernel.kernel_distance(real, groups, synthetic, subject.synthetic.groups)
    floor = subject.real_side.once(
        "kid", lambda: kernel.kernel_distance(real, groups, training, training_groups)
    )
    null = subject.real_side.once("kid/null", lambda: _real_null(subject))
    high_point = float(np.quantile(null, 0.95)) if len(null) else None
    scale = max(floor.value, high_point or 0.0)
    p_value, steps, p_method = _kernel_p(subject, found.value, null)
    return row(
        subject, "kid", label, better="lower", value=found.value, floor=floor.value,
        ratio=found.value / scale if scale > 0 else None,
        ci_low=found.low, ci_high=found.high, ci_of="value",
        ci_method="two-sample jackknife over groups, Student t" if found.low is not None else "none: too few groups",
        p_value=p_value, p_text=p_text(p_value, steps), resamples=steps, method=method,
        details={
            "p_method": p_method, "se": found.se, "floor_ci": [floor.low, floor.high],
            "floor_p": kernel.upper_p(floor.value, null), "null_q95": high_point,
            "u_statistic_ignoring_groups": found.value
            + subject.real_side.once("kid/ignoring", lambda: _ignoring_groups(real, groups)),
        },
    )  # fmt: skip


def _ignoring_groups(real: Rows, groups: Codes) -> float:
    """What the distance gains when pairs inside groups count too, as in tools that know no groups."""
    return kernel.within(real, np.arange(len(real))).mean - kernel.within(real, groups).mean


def _real_null(subject: Subject) -> Rows:
    """KID between real sets whose groups are dealt at random: what the split alone does."""
    rng = subject.rng("kid/null")
    keep = draw_rows(np.arange(subject.counts.n_train), MAX_NULL_ROWS, rng)
    pooled = np.concatenate([subject.reference_rows, subject.training_rows[keep]])
    shift = subject.counts.n_groups
    groups = np.concatenate([subject.reference.groups, subject.training.groups[keep] + shift])
    groups = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return kernel.group_null(pooled, groups, shift, PERMUTATIONS, rng)


def _kernel_p(subject: Subject, value: float, null: Rows) -> tuple[float | None, int, str]:
    """Exact label permutation where every group is one image; else the null of real sets.

    Whole groups and single synthetic pictures cannot change places: they are not exchangeable.
    """
    if not all_single(subject.reference.groups):
        return kernel.upper_p(value, null), len(null), "against real sets with whole groups dealt at random"
    rng = subject.rng("kid/labels")
    keep = draw_rows(np.arange(subject.counts.n_synth), MAX_NULL_ROWS, rng)
    pooled = np.concatenate([subject.reference_rows, subject.synthetic_rows[keep]])
    units = np.arange(len(pooled))
    labels = kernel.group_null(pooled, units, subject.counts.n_real, PERMUTATIONS, rng)
    if len(keep) < subject.counts.n_synth:
        value = kernel.plain_distance(subject.reference_rows, subject.synthetic_rows[keep])
    return kernel.upper_p(value, labels), len(labels), "labels of single images permuted"


def prdc_rows(subject: Subject) -> list[MetricResult]:
    """Precision, recall, density and coverage at equal n, beside those of the training set."""

    def statistics(draw: Draw) -> list[tuple[float, float]] | None:
        floor = subject.real_side.once(
            ("prdc", draw.real), lambda: _prdc_of(subject, draw.reference, "training", draw.training)
        )
        found = _prdc_of(subject, draw.reference, "synthetic", draw.synthetic) if floor else None
        if floor is None or found is None:
            return None
        return [(getattr(found, name), getattr(floor, name)) for name in _PRDC_LABELS]

    measured = measure_all(subject, "prdc", statistics)
    rows = []
    for at, (name, label) in enumerate(_PRDC_LABELS.items()):
        method = (
            f"k-nearest-neighbour balls (k = {3 if name in ('precision', 'recall') else 5}) at equal n, "
            "neighbours from other groups; floor: the training set in the synthetic set's place"
        )
        found = None if measured is None else measured[at]
        rows.append(
            matched_row(subject, name, f"{label} ({subject.extractor.name})", found, method, "higher")
        )
    return rows


def _prdc_of(subject: Subject, real: Index, side: Side, rows: Index) -> Prdc | None:
    apart = subject.products.squared_distances
    groups = {"training": subject.training, "synthetic": subject.synthetic}[side].groups
    return prdc(
        apart("reference", real, "reference", real),
        apart("reference", real, side, rows),
        apart(side, rows, side, rows),
        subject.reference.groups[real],
        groups[rows],
    )
