"""KID: the U-statistic, its jackknife and its null, each against the plain definition."""

import numpy as np
import pytest
from scipy import stats

from evaluation.ml import kernel
from evaluation.ml.groups import recode


def by_definition(x, gx, y, gy):
    def within(rows, groups):
        total, pairs = 0.0, 0
        for i in range(len(rows)):
            for j in range(len(rows)):
                if groups[i] != groups[j]:
                    total += (rows[i] @ rows[j] / rows.shape[1] + 1) ** 3
                    pairs += 1
        return total / pairs

    cross = np.mean([[(a @ b / x.shape[1] + 1) ** 3 for b in y] for a in x])
    return within(x, gx) + within(y, gy) - 2 * cross


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    gx, gy = np.array([0, 0, 1, 1, 1, 2, 3, 3]), np.array([0, 1, 1, 2, 3, 4, 4])
    return rng.standard_normal((8, 6)), gx, rng.standard_normal((7, 6)) + 0.3, gy


def test_equals_the_definition(sets):
    x, gx, y, gy = sets
    assert kernel.kernel_distance(x, gx, y, gy).value == pytest.approx(by_definition(x, gx, y, gy), rel=1e-12)
    singles = by_definition(x, np.arange(8), y, np.arange(7))
    assert kernel.plain_distance(x, y) == pytest.approx(singles, rel=1e-12)


def test_jackknife_leaves_out_whole_groups(sets):
    x, gx, y, gy = sets
    without_x = [by_definition(x[gx != g], gx[gx != g], y, gy) for g in range(4)]
    without_y = [by_definition(x, gx, y[gy != g], gy[gy != g]) for g in range(5)]
    variance = sum(
        (len(v) - 1) / len(v) * np.square(np.array(v) - np.mean(v)).sum() for v in (without_x, without_y)
    )
    found = kernel.kernel_distance(x, gx, y, gy)
    assert found.se == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert found.se is not None
    assert found.high is not None
    assert found.low is not None
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 3) * found.se)


def test_chunks_change_nothing(sets, monkeypatch):
    x, gx, y, gy = sets
    whole, null = (
        kernel.kernel_distance(x, gx, y, gy),
        kernel.group_null(x, gx, 2, 999, np.random.default_rng(0)),
    )
    monkeypatch.setattr(kernel, "_CHUNK", 3)
    parts = kernel.kernel_distance(x, gx, y, gy)
    assert (whole.value, whole.se) == pytest.approx((parts.value, parts.se), rel=1e-12)
    np.testing.assert_allclose(null, kernel.group_null(x, gx, 2, 999, np.random.default_rng(0)), rtol=1e-10)


def test_null_deals_whole_groups_and_each_deal_once(sets):
    x, gx, *_ = sets
    null = kernel.group_null(x, gx, 2, 999, np.random.default_rng(0))
    expected = []
    for chosen in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        inside = np.isin(gx, chosen)
        expected.append(by_definition(x[inside], gx[inside], x[~inside], gx[~inside]))
    np.testing.assert_allclose(np.sort(null), np.sort(expected), rtol=1e-10)
    assert len(kernel.group_null(x, gx, 1, 999, np.random.default_rng(0))) == 0


def test_one_group_has_no_independent_pair(sets):
    x, _gx, y, gy = sets
    with pytest.raises(ValueError, match="independent"):
        kernel.kernel_distance(x, np.zeros(8, dtype=int), y, gy)


def test_pairs_inside_groups_would_bias_the_distance():
    """Two grouped samples of one source: ignoring groups finds a difference that is not there."""
    aware, ignorant = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(8), 10)
        x, y = (
            np.repeat(rng.standard_normal((8, 5)), 10, axis=0) + 0.3 * rng.standard_normal((80, 5))
            for _ in "xy"
        )
        aware.append(kernel.kernel_distance(x, groups, y, groups).value)
        ignorant.append(kernel.plain_distance(x, y))
    error = np.std(aware) / np.sqrt(60)
    assert abs(np.mean(aware)) < 3 * error
    assert np.mean(ignorant) > 5 * error


def test_p_is_uniform_where_labels_are_exchangeable():
    """Single images: exact. 200 draws; the Kolmogorov–Smirnov distance at the 0.1 % level is 0.138."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        pooled = rng.standard_normal((45, 4))
        null = kernel.group_null(pooled, np.arange(45), 15, 199, rng)
        found.append(kernel.upper_p(kernel.plain_distance(pooled[:15], pooled[15:]), null))
    assert stats.kstest(found, "uniform").statistic < 0.138


def test_p_against_real_sets_does_not_cry_wolf_under_groups():
    """Grouped reference and training, single synthetic pictures of the same source: no excess of small p.

    Treating images as independent rejects far more often than 5 %.
    """
    grouped, ignorant = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(20), 6)
        real = np.repeat(rng.standard_normal((20, 4)), 6, axis=0) + 0.4 * rng.standard_normal((120, 4))
        synthetic = rng.standard_normal((60, 4)) + 0.4 * rng.standard_normal((60, 4))
        reference, own = real[groups < 8], recode(groups[groups < 8])
        value = kernel.kernel_distance(reference, own, synthetic, np.arange(60)).value
        grouped.append(kernel.upper_p(value, kernel.group_null(real, groups, 8, 199, rng)))
        pooled = np.concatenate([reference, synthetic])
        labels = kernel.group_null(pooled, np.arange(len(pooled)), len(reference), 199, rng)
        ignorant.append(kernel.upper_p(kernel.plain_distance(reference, synthetic), labels))
    assert np.mean(np.array(grouped) <= 0.05) <= 0.12
    assert np.mean(np.array(ignorant) <= 0.05) > 0.5


def test_p_counts_the_value_itself():
    assert kernel.upper_p(10.0, np.arange(9.0)) == pytest.approx(0.1)
    assert kernel.upper_p(-1.0, np.arange(9.0)) == 1.0
    assert kernel.upper_p(0.0, np.empty(0)) is None
