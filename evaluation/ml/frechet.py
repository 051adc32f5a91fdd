"""Fréchet distance between Gaussians fitted to two feature sets, without a matrix square root.

With centred, scaled features A = (X - m_x)/√(n_x - 1) and B likewise, Σ_x = AᵀA and Σ_y = BᵀB, and Σ_xΣ_y has the same
non-zero spectrum as KKᵀ with K = ABᵀ. Hence Tr √(Σ_xΣ_y) is the sum of K's singular values (its nuclear norm), and

    FD = |m_x - m_y|² + |A|²_F + |B|²_F - 2·‖K‖_*

exactly: float64, no eps, nothing complex, min(n, d)³ instead of d³.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]


def frechet_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Squared 2-Wasserstein distance between the Gaussians of two feature sets.

    Args:
        x: ``(n, d)`` features, n ≥ 2.
        y: ``(m, d)`` features, m ≥ 2.

    Returns:
        A value ≥ 0 (rounding below zero is cut off).

    Raises:
        ValueError: wrong shapes or values that are not finite.
    """
    first, second = _checked(x), _checked(y)
    if first.shape[1] != second.shape[1]:
        raise ValueError("both sets need features of one length")
    mean_x, a = _centred(first)
    mean_y, b = _centred(second)
    shift = float(np.square(mean_x - mean_y).sum())
    traces = float(np.square(a).sum() + np.square(b).sum())
    return max(0.0, shift + traces - 2.0 * _nuclear_norm(_shrunk(a), _shrunk(b)))


def distance_by_products(xx: Rows, xy: Rows, yy: Rows) -> float:
    """The same distance from inner products of finite rows: ``(n, n)``, ``(n, m)`` and ``(m, m)``.

    Centring rows centres the products on both sides, so K and both norms are read off them. For no more rows than
    features; features should lie around their mean, since nothing is subtracted before the products are taken.
    """
    n, m = xy.shape
    shift = float(xx.mean() - 2.0 * xy.mean() + yy.mean())
    traces = sum(float(np.trace(own) - own.sum() / len(own)) / (len(own) - 1) for own in (xx, yy))
    cross = xy - xy.mean(axis=0) - xy.mean(axis=1, keepdims=True) + xy.mean()
    return max(0.0, shift + traces - 2.0 * _singular_sum(cross) / sqrt((n - 1.0) * (m - 1.0)))


def _checked(rows: npt.ArrayLike) -> Rows:
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2 or len(array) < 2:
        raise ValueError("features must be (n, d) with n of at least 2")
    if not np.isfinite(array).all():
        raise ValueError("features must be finite")
    return array


def _centred(rows: Rows) -> tuple[Rows, Rows]:
    mean = rows.mean(axis=0)
    return mean, (rows - mean) / np.sqrt(len(rows) - 1)


def _shrunk(rows: Rows) -> Rows:
    """A ``(≤ d, d)`` matrix with the same RᵀR: the triangular factor where there are more rows than columns."""
    if len(rows) <= rows.shape[1]:
        return rows
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _nuclear_norm(a: Rows, b: Rows) -> float:
    return _singular_sum(a @ b.T)


def _singular_sum(k: Rows) -> float:
    return float(np.linalg.svd(k, compute_uv=False).sum())


def principal_axes(training: npt.ArrayLike, components: int) -> tuple[Rows, Rows]:
    """Mean and leading axes of the training features; never fitted on what is measured.

    Returns:
        mean ``(d,)`` and axes ``(d, k)`` with k = min(components, n - 1, d).
    """
    rows = _checked(training)
    mean = rows.mean(axis=0)
    kept = min(components, len(rows) - 1, rows.shape[1])
    # Eigenvectors of the smaller of the two Gram matrices' worth of work: thin SVD.
    _, _, axes = np.linalg.svd(_shrunk(rows - mean), full_matrices=False)
    return mean, np.ascontiguousarray(axes[:kept].T)
