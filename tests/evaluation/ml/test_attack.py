"""The membership attack and the areas it is told by: closed forms, group-aware errors, planted members."""

from math import hypot

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from evaluation.ml.attack import Candidates, attack_rows, dealt_areas, dealt_rates, rate_at
from evaluation.ml.closeness import closeness_row
from evaluation.ml.intervals import grouped_share_interval, wilson
from evaluation.ml.ranking import area, clustered_se, reach
from tests.evaluation.ml.subjects import make_subject


def test_area_is_that_of_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 12, 200).astype(float)
    positive = rng.random(200) < 0.3
    value, influence = area(scores, positive)
    assert value == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    assert influence[positive].sum() == pytest.approx(0, abs=1e-12)
    assert influence[~positive].sum() == pytest.approx(0, abs=1e-12)


def test_error_of_the_area_is_delongs_where_each_image_is_a_group():
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.normal(0.7, 1, 60), rng.normal(0, 1, 90)])
    positive = np.arange(150) < 60
    _, influence = area(scores, positive)
    se = hypot(*(clustered_se(influence[side], np.arange(side.sum())) for side in (positive, ~positive)))
    x, y = scores[positive], scores[~positive]
    v10, v01 = (x[:, None] > y[None]).mean(axis=1), (x[:, None] > y[None]).mean(axis=0)
    assert se == pytest.approx(np.sqrt(v10.var(ddof=1) / 60 + v01.var(ddof=1) / 90))


def test_intervals_over_groups_hold_what_they_promise():
    """Scores that belong to the group: images as units hold the truth far less often than promised."""
    aware = ignorant = 0
    truth = stats.norm.cdf(0.8 / np.sqrt(2.0))
    groups = np.repeat(np.arange(60), 8)
    positive = np.arange(480) < 240
    for seed in range(200):
        rng = np.random.default_rng(seed)
        scores = np.repeat(rng.normal(0, 1, 60), 8) + 0.8 * positive + 1e-3 * rng.normal(0, 1, 480)
        value, influence = area(scores, positive)
        for codes, count in ((groups, 30), (np.arange(480), 240)):
            se = hypot(*(clustered_se(influence[side], codes[side]) for side in (positive, ~positive)))
            held = abs(value - truth) <= reach(se, count)
            aware, ignorant = aware + (held and count == 30), ignorant + (held and count == 240)
    assert aware >= 182
    assert ignorant < 150


def test_perfect_separation_is_not_reported_as_certain():
    value, influence = area(np.arange(20.0), np.arange(20) >= 10)
    assert value == 1.0
    assert clustered_se(influence, np.arange(20)) == 0.0
    assert reach(0.0, 20) == pytest.approx(0.15)


def test_share_of_tiles_is_worth_as_many_images_as_groups_say():
    alike = np.repeat(np.arange(20) < 5, 10)
    low, high = grouped_share_interval(alike, np.repeat(np.arange(20), 10))
    expected = wilson(5, 20)
    assert (low, high) == pytest.approx(expected, abs=0.02)
    rng = np.random.default_rng(2)
    spread = rng.random(200) < 0.25
    narrow = grouped_share_interval(spread, np.repeat(np.arange(20), 10))
    assert narrow[1] - narrow[0] < 0.7 * (high - low)
    assert grouped_share_interval(np.zeros(40, bool), np.repeat(np.arange(4), 10))[1] == wilson(0, 4)[1]


def test_dealt_areas_are_those_of_the_labels_dealt():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(10), 3)
    found = Candidates(rng.normal(0, 1, 30), groups < 6, groups)
    deals = np.stack([rng.permutation(np.arange(10) < 6) for _ in range(20)])
    expected = [roc_auc_score(deal[groups], found.scores) for deal in deals]
    np.testing.assert_allclose(dealt_areas(found, deals), expected, atol=1e-12)


def test_recognised_at_a_rate_accuses_no_more_than_allowed():
    rng = np.random.default_rng(4)
    scores, member = rng.normal(0, 1, 300), np.arange(300) < 100
    for accused in (0.01, 0.1):
        threshold = np.sort(scores[~member])[::-1][int(accused * 200)]
        assert (scores[~member] > threshold).mean() <= accused
        assert rate_at(scores, member, accused).sum() == (scores[member] > threshold).sum()


def rows(subject):
    return {result.metric: result for result in [*attack_rows(subject), closeness_row(subject)]}


def test_memorised_pictures_are_recognised_and_fresh_ones_are_not():
    found = rows(make_subject(seed=0, groups=110))
    assert found["membership_auc"].ci_low <= 0.5 <= found["membership_auc"].ci_high
    assert found["membership_auc"].p_value > 0.01
    assert found["membership_tpr_1"].status == found["membership_auc"].status == "ok"
    copied = rows(make_subject(seed=0, groups=110, n_synthetic=240, copied=1.0))
    assert copied["membership_auc"].value > 0.95
    assert copied["membership_auc"].p_value == pytest.approx(1 / 1000)
    assert copied["membership_tpr_1"].value > 0.8
    assert copied["dcr_share"].value > 0.95
    assert copied["dcr_share"].p_value == pytest.approx(1 / 200)


def test_one_false_alarm_in_a_hundred_needs_a_hundred_groups():
    found = rows(make_subject(seed=1, groups=60))
    assert found["membership_tpr_10"].status == "ok"
    assert found["membership_tpr_1"].status == "insufficient"
    assert any("needs 100 validation groups" in caveat for caveat in found["membership_tpr_1"].caveats)


def test_attack_and_closeness_p_are_uniform_over_splits():
    """Groups dealt to the two sides at random: 60 splits; the 0.1 % point of the Kolmogorov–Smirnov distance is 0.247."""
    attack, closer, shares = [], [], []
    for seed in range(60):
        found = rows(make_subject(seed=seed, groups=24, n_synthetic=40, d=6))
        attack.append(found["membership_auc"].p_value)
        closer.append(found["dcr_share"].p_value)
        shares.append((found["dcr_share"].value, found["dcr_share"].floor))
    assert stats.kstest(attack, "uniform").statistic < 0.247
    assert stats.kstest(closer, "uniform").statistic < 0.247
    assert np.abs(np.mean(shares, axis=0) - 0.5).max() < 0.04


def test_larger_training_sets_do_not_look_copied():
    """With all training pictures the share would be near 0.8 here; equally many groups bring it to a half."""
    shares = [
        rows(make_subject(seed=seed, groups=20, training_groups=80, n_synthetic=60, d=6))["dcr_share"].value
        for seed in range(12)
    ]
    assert abs(np.mean(shares) - 0.5) < 0.08


@pytest.mark.parametrize("ties", [False, True])
def test_rates_of_all_deals_at_once_are_those_of_each(ties):
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 6, 60).astype(float) if ties else rng.normal(size=60)
    groups = np.repeat(np.arange(20), 3)
    found = Candidates(scores, groups < 12, groups)
    deals = np.stack([rng.permutation(np.arange(20) < 12) for _ in range(50)])
    for accused in (0.01, 0.1, 0.5):
        each = [rate_at(scores, deal[groups], accused).mean() for deal in deals]
        np.testing.assert_array_equal(dealt_rates(found, deals, accused), each)
