"""Effective numbers and MS-SSIM: closed forms and scikit-image as the oracle."""

import numpy as np
import pytest
from skimage import data
from skimage.metrics import structural_similarity

from evaluation.ml.diversity import kernel_width, rke, similarity, vendi
from evaluation.ml.structure import Scales, _ssim, levels, luminance, mean_over_pairs, ms_ssim, scales_for


def test_effective_numbers_count_clusters():
    assert vendi(np.ones((10, 10))) == pytest.approx(1)
    assert rke(np.ones((10, 10))) == pytest.approx(1)
    assert vendi(np.eye(10)) == pytest.approx(10)
    assert rke(np.eye(10)) == pytest.approx(10)
    three = np.kron(np.eye(3), np.ones((4, 4))).astype(np.float64)
    assert vendi(three) == pytest.approx(3)
    assert rke(three) == pytest.approx(3)
    rows = np.repeat(np.eye(3) * 1e3, 4, axis=0)
    assert rke(similarity(rows, 1.0)) == pytest.approx(3)


def test_unequal_clusters_weigh_as_theory_says():
    uneven = np.zeros((10, 10))
    uneven[:8, :8] = uneven[8:, 8:] = 1
    assert rke(uneven) == pytest.approx(1 / (0.64 + 0.04))
    assert vendi(uneven) == pytest.approx(np.exp(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2))))


def test_collapse_lowers_both():
    rng = np.random.default_rng(0)
    real = rng.standard_normal((100, 20))
    collapsed = real[rng.integers(0, 5, 100)] + 0.01 * rng.standard_normal((100, 20))
    width = kernel_width(real)
    for number in (rke, vendi):
        assert number(similarity(collapsed, width)) < 0.3 * number(similarity(real, width))


@pytest.fixture(scope="module")
def tiles():
    photograph = luminance(data.immunohistochemistry()[None])[0]
    return np.stack([photograph[y : y + 64, x : x + 64] for y in (0, 200, 400) for x in (0, 150, 300, 440)])


def test_one_scale_equals_scikit_image(tiles):
    level = levels(tiles, Scales(11, 1))[0]
    ours, _ = _ssim(level, np.arange(4), np.arange(4, 8), 11)
    theirs = [
        structural_similarity(
            x.astype(float),
            y.astype(float),
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for x, y in zip(tiles[:4], tiles[4:8], strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_alike_is_one_and_order_does_not_matter(tiles):
    scales = scales_for(64)
    assert (scales.window, scales.count) == (7, 3)
    np.testing.assert_allclose(ms_ssim(tiles, tiles, scales), 1, atol=1e-5)
    there, back = ms_ssim(tiles[:6], tiles[6:], scales), ms_ssim(tiles[6:], tiles[:6], scales)
    np.testing.assert_allclose(there, back, atol=1e-6)
    assert (there < 0.6).all()


def test_published_scales_from_161_px_on():
    assert (scales_for(161).window, scales_for(161).count) == (11, 5)
    assert scales_for(16).count == 2
    with pytest.raises(ValueError, match="window"):
        scales_for(6)


def test_pairs_come_from_different_groups(tiles):
    doubled = np.concatenate([tiles, tiles])
    twins = np.concatenate([np.arange(12)] * 2)
    rng = np.random.default_rng(0)
    aware = mean_over_pairs(doubled, twins, 2000, rng, scales_for(64))
    ignorant = mean_over_pairs(doubled, np.arange(24), 2000, rng, scales_for(64))
    assert aware is not None
    assert ignorant is not None
    assert aware.pairs == 24 * 23 // 2 - 12
    assert ignorant.value > aware.value + 0.02
    assert mean_over_pairs(tiles, np.zeros(12, dtype=int), 50, rng, scales_for(64)) is None


def test_pair_mean_error_is_of_the_right_size(tiles):
    """Against repetition: sets drawn anew scatter about as the jackknife says."""
    rng = np.random.default_rng(1)
    photograph = luminance(data.immunohistochemistry()[None])[0]
    found = []
    for _ in range(20):
        corners = rng.integers(0, 448, (24, 2))
        pictures = np.stack([photograph[y : y + 64, x : x + 64] for y, x in corners])
        mean = mean_over_pairs(pictures, np.arange(24), 2000, rng, scales_for(64))
        assert mean is not None
        assert mean.se is not None
        found.append((mean.value, mean.se))
    scatter, claimed = np.std([value for value, _ in found]), np.mean([se for _, se in found])
    assert 0.5 < claimed / scatter < 2
