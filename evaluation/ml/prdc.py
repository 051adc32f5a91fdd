"""Precision, recall, density and coverage at equal n, with neighbours taken from other groups.

Precision and recall: Kynkäänniemi et al. 2019; density and coverage: Naeem et al. 2020. A real picture's ball reaches
to its k-th nearest neighbour **of another group**: tiles of one block would otherwise shrink every ball.
With one image to a group these are the published definitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.ml.groups import Codes

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prdc:
    """The four shares; density may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def squared_distances(x: Rows, y: Rows) -> Rows:
    """``(n, m)`` squared Euclidean distances, rounding below zero cut off."""
    products = x @ y.T
    squares = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)[None, :]
    return np.asarray(np.maximum(squares - 2.0 * products, 0.0))


def radii(distances: Rows, groups: Codes, k: int) -> Rows:
    """Distance of each row to its k-th nearest of another group; infinity where there are fewer than k."""
    apart = np.where(groups[:, None] == groups[None, :], np.inf, distances)
    if apart.shape[1] < k:
        return np.full(len(apart), np.inf)
    return np.asarray(np.partition(apart, k - 1, axis=1)[:, k - 1])


def prdc(
    real_real: Rows,
    real_fake: Rows,
    fake_fake: Rows,
    real_groups: Codes,
    fake_groups: Codes,
    k_precision: int = 3,
    k_density: int = 5,
) -> Prdc | None:
    """The four shares from squared distances, ``(n, n)``, ``(n, m)`` and ``(m, m)``.

    Returns:
        None where some picture has fewer than k neighbours of another group: its ball would be the whole space.
    """
    real_ball, fake_ball = (
        radii(real_real, real_groups, k_precision),
        radii(fake_fake, fake_groups, k_precision),
    )
    real_wide = radii(real_real, real_groups, k_density)
    if not (np.isfinite(real_ball).all() and np.isfinite(fake_ball).all() and np.isfinite(real_wide).all()):
        return None
    hits = real_fake < real_wide[:, None]
    return Prdc(
        precision=float((real_fake < real_ball[:, None]).any(axis=0).mean()),
        recall=float((real_fake < fake_ball[None, :]).any(axis=1).mean()),
        density=float(hits.sum(axis=0).mean() / k_density),
        coverage=float(hits.any(axis=1).mean()),
    )
