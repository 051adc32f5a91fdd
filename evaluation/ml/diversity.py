"""How many different pictures are there, in effect? Entropies of a similarity matrix, no reference needed.

Vendi: Friedman and Dieng 2023 (exponential of the von Neumann entropy of K/n). RKE: Jalali et al. 2023 (order 2).
Both over a Gaussian kernel whose width comes from the training pictures alone, so that both sides of a comparison
share it. Both grow with n: compare at equal n only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evaluation.ml.prdc import squared_distances

Rows = npt.NDArray[np.float64]


def kernel_width(training: Rows) -> float:
    """Median squared distance between different training rows, halved twice: σ² of the Gaussian kernel.

    A quarter of the median makes typical strangers weigh exp(-2): similar counts, unrelated hardly does.
    """
    distances = squared_distances(training, training)
    apart = distances[np.triu_indices(len(training), 1)]
    # Equal pictures say nothing about scale; a training set of mostly equal ones must not give a width of zero.
    return float(np.median(apart[apart > 0])) / 4.0


def similarity(rows: Rows, width: float) -> Rows:
    """``(n, n)`` Gaussian similarities exp(-|x - y|²/(2σ²)), 1 on the diagonal."""
    return similarity_of(squared_distances(rows, rows), width)


def similarity_of(squares: Rows, width: float) -> Rows:
    """The same from squared distances ``(n, n)``."""
    return np.asarray(np.exp(squares / (-2.0 * width)))


def vendi(similarities: Rows) -> float:
    """Effective number of different pictures, 1 … n: exp of the entropy of the eigenvalues of K/n."""
    weights = np.linalg.eigvalsh(similarities / len(similarities))
    weights = weights[weights > 1e-12]
    return float(np.exp(-(weights * np.log(weights)).sum()))


def rke(similarities: Rows) -> float:
    """Order-2 effective number, 1 … n: 1/‖K/n‖²_F; needs no eigenvalues and settles at smaller n."""
    return float(1.0 / np.square(similarities / len(similarities)).sum())
