"""The `fid` of a report: a number where the standard weights are there, and otherwise the way to get it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evaluation.ml.extractors import INCEPTION
from evaluation.ml.fidelity import matched_frechet, matched_row
from evaluation.ml.frechet import frechet_distance
from evaluation.ml.inception import DIMENSION
from evaluation.ml.report import MetricResult
from evaluation.ml.subject import Subject

MEANING = (
    "FID means the Fréchet distance over the standard Inception (2015-12-05) weights, which cannot be shipped; "
    "a distance over other features is never called FID."
)
RANK = f"n<{DIMENSION + 1}: rank-deficient, not comparable with papers"


def fid_row(subject: Subject) -> MetricResult:
    """FID(reference, synthetic) beside FID(reference, training), at equal n, over Inception's features.

    `details` holds ``all_images`` besides: the distance between all reference and all synthetic images, which is what
    other tools print and what must never be read without the floor.
    """
    method = (
        "Fréchet distance over the 2048 pooled features of Inception (2015-12-05), by the nuclear norm of the centred "
        "cross-Gram, float64; mean over matched draws; floor: training against reference at the same n"
    )
    if min(subject.counts.n_real, subject.counts.n_synth) <= DIMENSION:
        method = f"{method}. {RANK}"
    found = matched_row(subject, "fid", f"FID ({INCEPTION})", matched_frechet(subject, "fid"), method)
    everything = frechet_distance(subject.reference_rows, subject.synthetic_rows)
    return replace(found, details={**found.details, "all_images": everything})


def fid_part(row: MetricResult) -> dict[str, Any]:
    """What every report says under ``fid`` where there is a number; the whole row stands among the results."""
    return {"status": row.status, "value": row.value, "floor": row.floor, "detail": row.method}


def fid_unavailable(reason: str) -> dict[str, Any]:
    """What it says where there is none."""
    return {"status": "unavailable", "value": None, "floor": None, "detail": f"{MEANING} {reason}"}
