"""A linear probe: ridge regression on features towards one column per class, in its dual form.

Few pictures and many features, so the system solved is as large as the number of pictures. Each class weighs the same. The
scores only rank pictures within a class, so no intercept and no probabilities are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from evaluation.ml.groups import Codes
from evaluation.ml.ranking import area

Rows = npt.NDArray[np.float64]
FOLDS = 5
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Examples:
    """Pictures to learn from: features ``(n, d)``, classes ``(n,)`` 0 … C-1, weight of each picture ``(n,)``."""

    rows: Rows
    classes: Codes
    weights: Rows


def class_scores(learn: Examples, test: Rows, classes: int, strength: float) -> Rows:
    """Fit on examples and score ``(m, d)`` test pictures: ``(m, C)``, higher meaning more of that class.

    Args:
        learn: what to learn from; each class at least once.
        test: features to score.
        classes: their number C.
        strength: of the ridge, in units of the examples' mean squared length.
    """
    total = learn.weights.sum()
    centre = learn.weights @ learn.rows / total
    rows = learn.rows - centre
    gram = rows @ rows.T
    ridge = strength * float(np.diag(gram).mean()) + 1e-12
    targets = np.eye(classes)[learn.classes]
    targets -= learn.weights @ targets / total
    system = gram + np.diag(ridge / learn.weights)
    dual = linalg.solve(system, targets, assume_a="pos")
    return np.asarray(((test - centre) @ rows.T) @ dual)


def choose_strength(learn: Examples, groups: Codes, classes: int, rng: np.random.Generator) -> float:
    """The strength that ranks left-out groups of the examples best; of equals the strongest."""
    fold = rng.permutation(np.arange(int(groups.max()) + 1) % FOLDS)[groups]
    means = [_left_out_area(learn, fold, classes, strength) for strength in STRENGTHS]
    best = max(means)
    return max(
        strength for strength, mean in zip(STRENGTHS, means, strict=True) if np.isclose(mean, best, atol=1e-9)
    )


def _left_out_area(learn: Examples, fold: Codes, classes: int, strength: float) -> float:
    scores = np.zeros((len(learn.rows), classes))
    for at in range(FOLDS):
        inside, outside = fold != at, fold == at
        if outside.any() and len(np.unique(learn.classes[inside])) == classes:
            part = Examples(learn.rows[inside], learn.classes[inside], learn.weights[inside])
            scores[outside] = class_scores(part, learn.rows[outside], classes, strength)
    return float(np.mean([area(scores[:, at], learn.classes == at)[0] for at in range(classes)]))
