"""The space of mixtures is decided by the pictures, not by the last bit of a sum."""

import numpy as np

from evaluation.ml.disguises import leading_axes


def test_directions_without_differences_are_no_axes():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 12)) + 5).astype(np.float32)
    mean, axes = leading_axes(rows, 8)
    assert axes.shape == (12, 3)
    np.testing.assert_allclose((rows - mean) @ axes @ axes.T, rows - mean, atol=1e-5)
    # In another order, as other threads would add them, it is the same space.
    _, others = leading_axes(np.ascontiguousarray(rows[::-1]), 8)
    np.testing.assert_allclose(others @ others.T, axes @ axes.T, atol=1e-5)


def test_equal_rows_keep_their_axes():
    _, axes = leading_axes(np.full((5, 6), 7, np.float32), 4)
    assert axes.shape == (6, 4)
