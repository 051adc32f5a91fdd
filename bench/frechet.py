"""Fréchet distance, the statistics step alone: the low-rank identity against the square root of a matrix.

Sizes are those of a lab: 200 real and 1000 synthetic images, 1280 features each (efficientnet-lite0). The features are
drawn, because the time of this step does not depend on their values: non-negative like pooled activations, with a
spectrum that falls as theirs does.
"""

import statistics

import numpy as np
import numpy.typing as npt
import scipy.linalg

from bench.harness import Aim, Bench, Result, Run, alternate, run_alone, timing_rows
from evaluation.ml.frechet import frechet_distance

Rows = npt.NDArray[np.float64]
REAL, SYNTHETIC, FEATURES, SEED = 200, 1000, 1280, 7
OURS, ROOT_ROUTE, EIGEN_ROUTE = (
    "low-rank identity",
    "scipy sqrtm of covariances",
    "eigenvalues of covariances",
)


def drawn_features(count: int, shift: float, rng: np.random.Generator) -> Rows:
    """Features `(count, FEATURES)`, correlated, non-negative, spectrum falling as 1/√k."""
    scales = 1.0 / np.sqrt(np.arange(1, FEATURES + 1))
    mixing = np.linalg.qr(np.random.default_rng(SEED).normal(size=(FEATURES, FEATURES)))[0]
    raw: Rows = (rng.normal(size=(count, FEATURES)) * scales) @ mixing
    features: Rows = np.maximum(raw + shift, 0.0)
    return features


def by_matrix_root(x: Rows, y: Rows) -> float:
    """The route of the usual FID scripts: covariances, then the root of their product."""
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second)
    return float(_shift(x, y) + np.trace(first) + np.trace(second) - 2 * np.trace(np.real(root)))


def by_eigenvalues(x: Rows, y: Rows) -> float:
    """Covariances, then the eigenvalues of the symmetric form of their product."""
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    half = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = np.linalg.eigvalsh(half @ second @ half)
    # What lies below the rounding of the largest is noise around zero, whose roots would add up.
    product = product[product > product[-1] * FEATURES * np.finfo(np.float64).eps]
    return float(_shift(x, y) + np.trace(first) + np.trace(second) - 2 * np.sqrt(product).sum())


def measure(run: Run) -> Result:
    """Times the three routes in turns on the same features and compares their answers."""
    rng = np.random.default_rng(SEED)
    x, y = drawn_features(REAL, 0.0, rng), drawn_features(SYNTHETIC, 0.02, rng)
    answers = {
        OURS: frechet_distance(x, y),
        ROOT_ROUTE: by_matrix_root(x, y),
        EIGEN_ROUTE: by_eigenvalues(x, y),
    }
    seconds = alternate(
        {
            OURS: lambda: frechet_distance(x, y),
            ROOT_ROUTE: lambda: by_matrix_root(x, y),
            EIGEN_ROUTE: lambda: by_eigenvalues(x, y),
        },
        rounds=2 if run.quick else 9,
        warm_up=0,
    )
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    return Result(
        ratios={
            "sqrtm_over_low_rank": middle[ROOT_ROUTE] / middle[OURS],
            "eigenvalues_over_low_rank": middle[EIGEN_ROUTE] / middle[OURS],
            "relative_difference_from_eigenvalues": abs(answers[OURS] / answers[EIGEN_ROUTE] - 1),
            "relative_difference_from_sqrtm": abs(answers[OURS] / answers[ROOT_ROUTE] - 1),
        },
        columns=["route", "median s", "fastest s", "slowest s", "distance"],
        rows=[[*row, answers[str(row[0])]] for row in timing_rows(seconds)],
        notes=[
            f"{REAL} real × {SYNTHETIC} synthetic images, {FEATURES} features, float64, seed {SEED}",
            "With fewer images than features the product of the covariances is singular: sqrtm's answer carries the "
            "square root of its rounding errors, the other two do not.",
        ],
    )


def _shift(x: Rows, y: Rows) -> float:
    return float(np.square(x.mean(axis=0) - y.mean(axis=0)).sum())


BENCH = Bench(
    name="frechet",
    title="Fréchet distance: low-rank identity against matrix square root",
    minutes=2,
    aims=[
        Aim(ratio="sqrtm_over_low_rank", at_least=20),
        Aim(ratio="relative_difference_from_eigenvalues", at_most=1e-6),
    ],
    measure=measure,
    sources=["evaluation/ml/frechet.py"],
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
