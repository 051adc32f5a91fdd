"""The Fréchet distance against closed forms and against the textbook's matrix square root."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from evaluation.ml.frechet import distance_by_products, frechet_distance, principal_axes


def with_moments(rng, n, mean, covariance):
    """Rows whose sample mean and sample covariance are exactly these."""
    white = rng.standard_normal((n, len(mean)))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(linalg.cholesky(np.cov(white, rowvar=False)))
    return white @ linalg.cholesky(covariance) + mean


def textbook(x, y):
    """|m₁ - m₂|² + Tr(S₁ + S₂ - 2·√(S₁S₂)) with scipy's sqrtm."""
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(s1 @ s2)
    return float(np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s1 + s2 - 2 * np.real(root)))


def by_eigenvalues(x, y):
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values = np.linalg.eigvals(s1 @ s2).real.clip(min=0)
    return float(np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s1 + s2) - 2 * np.sqrt(values).sum())


def test_closed_form_of_diagonal_gaussians():
    rng = np.random.default_rng(1)
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 16.0])
    shift = np.array([3.0, 0.0, -4.0])
    x = with_moments(rng, 50, np.zeros(3), np.diag(a))
    y = with_moments(rng, 80, shift, np.diag(b))
    expected = 25.0 + np.square(np.sqrt(a) - np.sqrt(b)).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-10)


def test_closed_form_of_a_pure_shift():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((30, 200))  # fewer rows than columns
    assert frechet_distance(x, x + 0.5) == pytest.approx(200 * 0.25, rel=1e-10)


def test_closed_form_of_a_scaling():
    x = np.random.default_rng(3).standard_normal((40, 100))
    x -= x.mean(axis=0)
    expected = np.square(x).sum() / 39 * (3.0 - 1.0) ** 2
    assert frechet_distance(x, 3.0 * x) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("n", "m", "d"), [(300, 400, 24), (120, 90, 64), (2000, 50, 40)])
def test_equals_sqrtm_and_eigenvalues(n, m, d):
    rng = np.random.default_rng(n)
    mix = rng.standard_normal((d, d)) / np.sqrt(d)
    x, y = rng.standard_normal((n, d)) @ mix, rng.standard_normal((m, d)) * 1.3 + 0.2
    ours = frechet_distance(x, y)
    assert ours == pytest.approx(textbook(x, y), rel=1e-6)
    assert ours == pytest.approx(by_eigenvalues(x, y), rel=1e-6)


@pytest.mark.parametrize(("n", "m", "d"), [(40, 60, 128), (25, 300, 160)])
def test_equals_eigenvalues_where_covariances_are_singular(n, m, d):
    rng = np.random.default_rng(d)
    scales = 1.0 / np.sqrt(1.0 + np.arange(d))
    x, y = rng.standard_normal((n, d)) * scales, rng.standard_normal((m, d)) * scales + 0.05
    # The eigenvalue route takes roots of rounding noise there: that, not ours, limits the agreement.
    assert frechet_distance(x, y) == pytest.approx(by_eigenvalues(x, y), rel=1e-4)


@pytest.mark.parametrize(("n", "d"), [(20, 300), (500, 30)])
def test_a_set_has_no_distance_to_itself_and_order_does_not_matter(n, d):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, d)) * 5 + 100
    assert frechet_distance(x, x) < 1e-8
    assert frechet_distance(x, x[rng.permutation(n)]) < 1e-8


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 30), st.integers(1, 20))
def test_symmetric_never_negative_and_blind_to_rotation(seed, n, m, d):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 2 + 1
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    there = frechet_distance(x, y)
    assert there >= 0
    assert frechet_distance(y, x) == pytest.approx(there, rel=1e-9, abs=1e-9)
    assert frechet_distance(x @ rotation, y @ rotation) == pytest.approx(there, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((1, 3)), np.zeros((4, 3))),
        (np.zeros(3), np.zeros((4, 3))),
        (np.zeros((4, 3)), np.zeros((4, 2))),
        (np.full((4, 3), np.nan), np.zeros((4, 3))),
    ],
)
def test_refuses_what_has_no_covariance(x, y):
    with pytest.raises(ValueError, match="features"):
        frechet_distance(x, y)


def test_principal_axes_find_the_plane():
    rng = np.random.default_rng(5)
    basis, _ = np.linalg.qr(rng.standard_normal((50, 2)))
    rows = rng.standard_normal((200, 2)) * [5, 3] @ basis.T + 7
    mean, axes = principal_axes(rows, 2)
    back = (rows - mean) @ axes @ axes.T + mean
    np.testing.assert_allclose(back, rows, atol=1e-9)
    assert principal_axes(rows[:5], 64)[1].shape == (50, 4)


@pytest.mark.parametrize(("n", "m", "d"), [(20, 30, 50), (40, 25, 8), (2, 2, 3)])
def test_inner_products_give_the_same_distance(n, m, d):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), 1.5 * rng.normal(size=(m, d)) + 0.3
    by_products = distance_by_products(x @ x.T, x @ y.T, y @ y.T)
    assert by_products == pytest.approx(frechet_distance(x, y), rel=1e-10)
    assert distance_by_products(x @ x.T, x @ x.T, x @ x.T) < 1e-8
