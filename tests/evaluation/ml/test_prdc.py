"""Precision, recall, density, coverage against their definitions."""

import numpy as np
import pytest

from evaluation.ml.prdc import prdc, radii, squared_distances


def measured(real, fake, real_groups=None, fake_groups=None, k=(3, 5)):
    gr = np.arange(len(real)) if real_groups is None else real_groups
    gf = np.arange(len(fake)) if fake_groups is None else fake_groups
    return prdc(
        squared_distances(real, real),
        squared_distances(real, fake),
        squared_distances(fake, fake),
        gr,
        gf,
        *k,
    )


def by_definition(real, fake, k):
    def ball(rows):
        return [
            np.sort([np.linalg.norm(a - b) for j, b in enumerate(rows) if j != i])[k - 1]
            for i, a in enumerate(rows)
        ]

    apart = np.array([[np.linalg.norm(r - f) for f in fake] for r in real])
    inside_real = apart < np.array(ball(real))[:, None]
    inside_fake = apart < np.array(ball(fake))[None, :]
    return (
        inside_real.any(0).mean(),
        inside_fake.any(1).mean(),
        inside_real.sum(0).mean() / k,
        inside_real.any(1).mean(),
    )


def test_equals_the_definition():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((30, 3)), rng.standard_normal((25, 3)) * 0.8 + 0.3
    found, expected = measured(real, fake, k=(4, 4)), by_definition(real, fake, 4)
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(expected)


def test_coverage_of_one_source_is_what_theory_says():
    """E[coverage] = 1 - ∏ (N - i)/(M + N - i), i = 1 … k: 0.971 for N = M = 100 and k = 5."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found.append(measured(rng.standard_normal((100, 8)), rng.standard_normal((100, 8))).coverage)
    expected = 1 - np.prod([(100 - i) / (200 - i) for i in range(1, 6)])
    assert np.mean(found) == pytest.approx(expected, abs=0.01)


def test_far_away_and_collapsed():
    rng = np.random.default_rng(1)
    real = rng.standard_normal((40, 4))
    far = measured(real, real + 100)
    assert (far.precision, far.recall, far.coverage) == (0, 0, 0)
    collapsed = measured(real, real[:1] + 1e-3 * rng.standard_normal((40, 4)))
    assert collapsed.precision == 1
    assert collapsed.coverage < 0.5
    assert collapsed.recall < 0.1


def test_balls_reach_to_other_groups():
    """Near-identical tiles of a block must not shrink their own balls."""
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((20, 4))
    groups = np.repeat(np.arange(20), 6)
    tiles = np.repeat(centres, 6, axis=0) + 1e-3 * rng.standard_normal((120, 4))
    distances = squared_distances(tiles, tiles)
    assert radii(distances, groups, 3).min() > 100 * radii(distances, np.arange(120), 3).max()
    fake = rng.standard_normal((120, 4))
    assert measured(tiles, fake, groups).coverage > measured(tiles, fake).coverage + 0.3


def test_not_defined_without_enough_other_groups():
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((12, 3))
    assert measured(rows, rows + 0.1, np.zeros(12, dtype=int)) is None
    assert measured(rows[:4], rows[:4] + 0.1) is None
