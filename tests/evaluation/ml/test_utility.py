"""Utility: what the probe learns, the control of repetition, and numbers for each class."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from evaluation.ml.classes import STEPS, class_rows
from evaluation.ml.probe import Examples, choose_strength, class_scores
from evaluation.ml.utility import _repeated, utility_rows
from tests.evaluation.ml.subjects import make_subject

CLASSES = ("lymphocyte", "neutrophil", "eosinophil")


def by_name(results, key=""):
    return {result.metric: result for result in results if result.class_key == key}


def examples(rng, n=40, d=60):
    classes = np.arange(n) % 2
    rows = rng.standard_normal((n, d)) + 0.4 * classes[:, None]
    return Examples(rows, classes, 1.0 / np.bincount(classes)[classes])


def test_probe_is_weighted_ridge_regression():
    rng = np.random.default_rng(0)
    learn, test = examples(rng), rng.standard_normal((10, 60))
    ours = class_scores(learn, test, 2, 0.3)
    centred = learn.rows - learn.weights @ learn.rows / learn.weights.sum()
    alpha = 0.3 * np.square(centred).sum(axis=1).mean()
    theirs = Ridge(alpha=alpha).fit(learn.rows, np.eye(2)[learn.classes], sample_weight=learn.weights)
    expected = theirs.predict(test) - theirs.predict(learn.rows).T @ learn.weights / learn.weights.sum()
    np.testing.assert_allclose(ours - ours.mean(axis=0), expected - expected.mean(axis=0), atol=1e-8)


def test_repetition_as_a_weight_is_repetition():
    rng = np.random.default_rng(1)
    learn, test = examples(rng, 20), rng.standard_normal((6, 60))
    twice = Examples(*(np.concatenate([part, part]) for part in (learn.rows, learn.classes, learn.weights)))
    np.testing.assert_allclose(
        class_scores(_repeated(learn, learn.classes), test, 2, 0.1),
        class_scores(twice, test, 2, 0.1),
        atol=1e-9,
    )


def test_strength_is_chosen_on_left_out_groups():
    rng = np.random.default_rng(2)
    noise = Examples(rng.standard_normal((60, 200)), np.arange(60) % 2, np.ones(60))
    groups = np.repeat(np.arange(30), 2)
    assert choose_strength(noise, groups, 2, np.random.default_rng(0)) > 0
    assert choose_strength(noise, groups, 2, np.random.default_rng(0)) == choose_strength(
        noise, groups, 2, np.random.default_rng(0)
    )


def test_good_synthetic_pictures_teach_what_real_ones_do_and_bad_ones_do_not():
    good = by_name(utility_rows(make_subject(seed=0, n_synthetic=300, classes=CLASSES, signal=2.0)))
    assert good["tstr"].value > 0.8
    assert good["tstr"].status == "ok"
    assert good["tstr"].ci_of == "difference"
    assert good["tstr"].ci_low <= good["tstr"].details["difference"] <= good["tstr"].ci_high
    assert abs(good["tstr"].details["difference"]) < 0.06
    assert good["tsrtr"].value > 0.8
    assert len(good["tstr"].details["seeds"]) == 5
    bad = by_name(
        utility_rows(make_subject(seed=0, n_synthetic=300, classes=CLASSES, signal=2.0, synthetic_signal=0.0))
    )
    assert bad["tstr"].value < 0.65
    assert bad["tstr"].ci_high < 0
    assert bad["tstr"].floor == pytest.approx(good["tstr"].floor)


def test_intervals_of_the_difference_hold_where_there_is_none():
    held = 0
    for seed in range(40):
        result = by_name(
            utility_rows(make_subject(seed=seed, groups=30, n_synthetic=120, classes=CLASSES[:2], signal=1.5))
        )["tsrtr"]
        held += result.ci_low <= 0.03 and result.ci_high >= -0.03
    assert held >= 36


def test_no_classes_no_rows_and_lonely_classes_are_named():
    assert utility_rows(make_subject(seed=0)) == []
    assert utility_rows(make_subject(seed=0, classes=("only",))) == []
    subject = make_subject(seed=0, classes=("a", "b"))
    lonely = subject.without([ref.id for ref in subject.synthetic.refs if ref.class_key == "b"])
    found = by_name(utility_rows(lonely))
    assert set(found) == {"tstr", "tsrtr"}
    for result in found.values():
        assert result.value is None
        assert result.status == "insufficient"
        assert "left out: b" in result.caveats[-1]


def test_classes_with_few_groups_are_insufficient_by_name():
    results = utility_rows(make_subject(seed=4, groups=14, n_synthetic=60, classes=CLASSES, signal=1.0))
    overall = by_name(results)["tstr"]
    assert overall.status == "insufficient"
    for key in CLASSES:
        assert by_name(results, key)["tstr"].status == "insufficient"
        assert by_name(results, key)["tstr"].n_real < overall.n_real


def test_every_class_has_its_numbers_and_none_is_invented():
    subject = make_subject(seed=5, groups=12, n_synthetic=30, classes=("a", "b"))
    tiny = subject.without([ref.id for ref in subject.synthetic.refs if ref.class_key == "b"][2:])
    overall = [result for step in STEPS.values() for result in step(tiny)]
    results = class_rows(tiny, overall)
    assert {result.class_key for result in results} == {"a", "b"}
    assert set(by_name(results, "a")) == set(by_name(results, "b")) == {result.metric for result in overall}
    for result in by_name(results, "b").values():
        assert result.value is result.ci_low is result.p_value is None
        assert result.status == "insufficient"
        assert result.n_synth == 2
    whole = by_name(results, "a")["kid"]
    assert whole.value is not None
    assert whole.n_synth == sum(ref.class_key == "a" for ref in tiny.synthetic.refs)


def test_a_class_whose_images_are_all_alike_is_seen_beside_one_that_is_not():
    subject = make_subject(seed=6, groups=12, n_synthetic=40, classes=("a", "b"))
    images = subject.synthetic
    one = np.array([images.class_keys[row] == "b" for row in images.grey_rows])
    greys = images.greys.copy()
    greys[one] = greys[one][0]
    alike = replace(subject, synthetic=replace(images, greys=greys))
    results = class_rows(alike, [result for step in STEPS.values() for result in step(alike)])
    varied, collapsed = by_name(results, "a")["ms_ssim"], by_name(results, "b")["ms_ssim"]
    assert collapsed.value == pytest.approx(1)
    assert collapsed.details["excess"] > 0.05 > varied.details["excess"]
    assert varied.resamples <= varied.n_synth * (varied.n_synth - 1) // 2
