"""How varied the synthetic pictures are, beside real ones at the same n: Vendi, RKE, MS-SSIM over pairs."""

from __future__ import annotations

import numpy as np
from scipy import stats

from evaluation.ml.diversity import kernel_width, rke, similarity_of, vendi
from evaluation.ml.draws import Draw, Index, measure_all
from evaluation.ml.fidelity import matched_row, row
from evaluation.ml.groups import draw_rows, recode
from evaluation.ml.images import ImageSet
from evaluation.ml.report import MetricResult
from evaluation.ml.shared import Side
from evaluation.ml.structure import PairMean, Scales, mean_over_pairs, scales_for
from evaluation.ml.subject import Subject

_WIDTH_ROWS = 1024
_PAIRS = 2000


def effective_number_rows(subject: Subject) -> list[MetricResult]:
    """Vendi and RKE of synthetic pictures over those of as many training pictures."""
    width = subject.real_side.once("diversity/width", lambda: _width(subject))

    def effective(side: Side, rows: Index) -> tuple[float, float]:
        squares = subject.products.squared_distances(side, rows, side, rows)
        similarities = similarity_of(squares, width)
        return rke(similarities), vendi(similarities)

    def statistics(draw: Draw) -> list[tuple[float, float]]:
        real = subject.real_side.once(("diversity", draw.real), lambda: effective("training", draw.training))
        return list(zip(effective("synthetic", draw.synthetic), real, strict=True))

    method = (
        "effective number of different images, Gaussian kernel (σ² = a quarter of the training set's median squared "
        "distance), at equal n; floor: training images"
    )
    measured = measure_all(subject, "diversity", statistics)
    return [
        matched_row(
            subject,
            name,
            f"{label} ({subject.extractor.name})",
            measured[at] if measured else None,
            method,
            "higher",
        )
        for at, (name, label) in enumerate((("rke", "RKE"), ("vendi", "Vendi")))
    ]


def _width(subject: Subject) -> float:
    sample = draw_rows(np.arange(subject.counts.n_train), _WIDTH_ROWS, subject.rng("diversity/width"))
    return kernel_width(subject.training_rows[sample])


def structure_row(subject: Subject) -> MetricResult:
    """MS-SSIM between random synthetic pairs, beside pairs of training pictures of different groups."""
    side = min(subject.synthetic.size)
    method = "mean MS-SSIM over random pairs; real pairs from different groups of the training set"
    label = "MS-SSIM between images"
    if side < 7:
        return _pixel_row(subject, label, None, None, f"{method}; images are too small for it")
    scales = scales_for(side)
    value = _pairs(subject, subject.synthetic, scales)
    floor = subject.real_side.once("ms_ssim", lambda: _pairs(subject, subject.training, scales))
    return _pixel_row(subject, label, value, floor, f"{method}; {scales.text}")


def _pairs(subject: Subject, images: ImageSet, scales: Scales) -> PairMean | None:
    groups = recode(images.groups[images.grey_rows])
    return mean_over_pairs(images.greys, groups, _PAIRS, subject.rng(f"ms_ssim/{images.name}"), scales)


def _pixel_row(
    subject: Subject, label: str, value: PairMean | None, floor: PairMean | None, method: str
) -> MetricResult:
    interval: tuple[float | None, float | None] = (None, None)
    excess = value.value - floor.value if value and floor else None
    if value and value.se is not None:
        reach = float(stats.norm.ppf(0.975)) * value.se
        interval = (value.value - reach, value.value + reach)
    return row(
        subject, "ms_ssim", label, better="lower",
        extractor="pixels", extractor_sha256="", preprocessing="luminance at full size", dtype="float64",
        status=subject.pixel_status if excess is not None or subject.pixel_status != "ok" else "insufficient",
        value=value.value if value else None, floor=floor.value if floor else None,
        ratio=value.value / floor.value if value and floor and floor.value > 0 else None,
        ci_low=interval[0], ci_high=interval[1], ci_method="jackknife over images" if interval[0] is not None else "",
        resamples=value.pairs if value else 0, method=method, details={"excess": excess},
    )  # fmt: skip
