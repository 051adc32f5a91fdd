"""The rule: evidence against counts at any n, evidence for only where there is enough."""

import json
from typing import Any

import pytest

from evaluation.ml.judge import Policy, judge, meanings
from evaluation.ml.limits import limits
from evaluation.ml.report import (
    MIN_GROUPS,
    Counts,
    ImageScore,
    MetricResult,
    p_text,
    shortages,
    status_of,
    to_json,
)

GOOD: dict[str, dict[str, Any]] = {
    "identical": {"value": 0.0},
    "copies": {"value": 0.01, "ci_low": 0.002},
    "duplicates": {"value": 0.0, "ci_low": 0.0},
    "fd": {"ratio": 1.1},
    "kid": {"ratio": 1.5},
    "coverage": {"ratio": 0.95},
    "rke": {"ratio": 0.9},
    "ms_ssim": {"details": {"excess": 0.01}},
    "precision": {"ratio": 0.5},
    "recall": {"ratio": 0.5},
}


def report(status="ok", **changes):
    results = [
        {"metric": name, "class_key": "", "status": status, **numbers, **changes.get(name, {})}
        for name, numbers in GOOD.items()
        if changes.get(name, {}) is not None
    ]
    return {
        "results": results,
        "shortages": ["the validation set holds 4 independent groups"] if status != "ok" else [],
    }


def test_good_numbers_are_released():
    assert judge(report(), Policy()).decision == "release"


@pytest.mark.parametrize(
    ("metric", "numbers"),
    [
        ("identical", {"value": 0.001}),
        ("copies", {"ci_low": 0.06}),
        ("duplicates", {"ci_low": 0.02}),
        ("fd", {"ratio": 2.1}),
        ("kid", {"ratio": 10.5}),
        ("coverage", {"ratio": 0.79}),
        ("rke", {"ratio": 0.7}),
        ("ms_ssim", {"details": {"excess": 0.06}}),
    ],
)
def test_each_threshold_withholds_alone_and_says_why(metric, numbers):
    verdict = judge(report(**{metric: numbers}), Policy())
    assert verdict.decision == "withhold"
    assert len(verdict.reasons) == 1
    assert "allowed" in verdict.reasons[0]


@pytest.mark.parametrize("status", ["insufficient", "uncalibrated", "contaminated"])
def test_good_numbers_without_enough_behind_them_are_insufficient(status):
    verdict = judge(report(status), Policy())
    assert verdict.decision == "insufficient"
    assert verdict.reasons[0].startswith("the validation set holds")


def test_bad_fidelity_from_few_groups_is_indicative_only():
    verdict = judge(report("insufficient", fd={"ratio": 5.0}), Policy())
    assert verdict.decision == "insufficient"
    assert any("indicative only: Fréchet" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("metric", "numbers"), [("identical", {"value": 0.1}), ("copies", {"ci_low": 0.5})])
def test_copies_withhold_at_any_n(metric, numbers):
    assert judge(report("insufficient", **{metric: numbers}), Policy()).decision == "withhold"


@pytest.mark.parametrize(
    "changes", [{"fd": None}, {"fd": {"ratio": None}}, {"ms_ssim": {"details": {"excess": None}}}]
)
def test_a_missing_number_is_never_a_pass(changes):
    assert judge(report(**changes), Policy()).decision == "insufficient"


def test_a_threshold_of_none_is_not_judged():
    assert judge(report(fd={"ratio": 9.0}), Policy(fd_ratio_max=None)).decision == "release"
    assert judge(report(), Policy(precision_ratio_min=0.8)).decision == "withhold"


PRIVATE = {
    "density": {"ratio": 0.9}, "vendi": {"ratio": 0.9}, "nearest_real": {"ratio": 0.98},
    "dcr_share": {"ci_low": 0.51}, "membership_auc": {"ci_low": 0.5}, "membership_tpr_10": {"ci_low": 0.08},
    "membership_tpr_1": {"ci_low": 0.0}, "tstr": {"ratio": 0.97},
}  # fmt: skip
NAMED = {
    "density_ratio_min": (0.8, 0.95), "vendi_ratio_min": (0.8, 0.95), "nearest_real_ratio_min": (0.9, 0.99),
    "dcr_share_max": (0.55, 0.5), "membership_auc_max": (0.55, 0.49), "membership_tpr_10_max": (0.1, 0.05),
    "membership_tpr_1_max": (0.0, None), "tstr_ratio_min": (0.9, 0.98),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_what_the_default_leaves_unjudged_is_judged_where_a_policy_names_it(name):
    whole = report()
    whole["results"] += [
        {"metric": key, "class_key": "", "status": "ok", **row} for key, row in PRIVATE.items()
    ]
    passes, fails = NAMED[name]
    assert getattr(Policy(), name) is None
    assert judge(whole, Policy.from_mapping({name: passes})).decision == "release"
    assert judge(report(), Policy.from_mapping({name: passes})).decision == "insufficient", (
        "no number is no pass"
    )
    if fails is not None:
        verdict = judge(whole, Policy.from_mapping({name: fails}))
        assert (verdict.decision, len(verdict.reasons)) == ("withhold", 1)


def test_every_threshold_is_held_against_a_number():
    assert set(meanings()) == set(Policy().to_mapping())


@pytest.mark.parametrize("status", ["ok", "insufficient"])
@pytest.mark.parametrize(("metric", "numbers"), [("identical", {"value": 0.9}), ("copies", {"ci_low": 0.9})])
@pytest.mark.parametrize("mildest", [None, 1.0])
def test_no_policy_releases_a_replay(status, metric, numbers, mildest):
    nothing = Policy.from_mapping(dict.fromkeys(Policy().to_mapping()) | {f"{metric}_share_max": mildest})
    assert judge(report(), nothing).decision == "release"
    verdict = judge(report(status, **{metric: numbers}), nothing)
    assert (verdict.decision, len(verdict.reasons)) == ("withhold", 1)


def test_class_rows_do_not_replace_the_whole():
    whole = report(fd={"ratio": 5.0})
    whole["results"].append({"metric": "fd", "class_key": "stroma", "status": "ok", "ratio": 1.0})
    assert judge(whole, Policy()).decision == "withhold"


def test_policies_come_from_stored_thresholds():
    policy = Policy.from_mapping({"fd_ratio_max": 3, "kid_ratio_max": None})
    assert (policy.fd_ratio_max, policy.kid_ratio_max, policy.coverage_ratio_min) == (3, None, 0.8)
    assert Policy.from_mapping(json.loads(json.dumps(policy.to_mapping()))) == policy
    for wrong in (
        {"fd": 1},
        {"fd_ratio_max": "2"},
        {"fd_ratio_max": -1},
        {"fd_ratio_max": True},
        {"fd_ratio_max": float("nan")},
    ):
        with pytest.raises(ValueError, match=r"threshold|number"):
            Policy.from_mapping(wrong)
    with pytest.raises(ValueError, match="by its name"):
        Policy.from_mapping(json.loads('["fd_ratio_max"]'))
    with pytest.raises(ValueError, match=r"known are .*fd_ratio_max"):
        Policy.from_mapping({"fd": 1})


def counts(**changes):
    enough = {
        "n_real": 200,
        "n_synth": 500,
        "n_train": 400,
        "n_groups": MIN_GROUPS,
        "n_train_groups": MIN_GROUPS,
    }
    return Counts(**{**enough, **changes})


def test_insufficient_counts_groups_and_not_images():
    assert status_of(counts(), calibrated=True, contaminated=False) == "ok"
    few = counts(n_real=5000, n_groups=MIN_GROUPS - 1)
    assert status_of(few, calibrated=True, contaminated=False) == "insufficient"
    assert "49 independent groups (5000 images)" in shortages(few)[0]
    assert status_of(counts(n_train_groups=3), calibrated=True, contaminated=False) == "insufficient"
    assert status_of(counts(n_synth=49), calibrated=True, contaminated=False) == "insufficient"
    assert status_of(few, calibrated=False, contaminated=True) == "contaminated"
    assert status_of(few, calibrated=False, contaminated=False) == "uncalibrated"


def test_limits_say_what_n_cannot_show():
    texts = " ".join(limits(counts(n_groups=4), calibrated=False, contamination=("shared.",)))
    for words in ("1 of 5", "50 are needed", "uncalibrated", "shared.", "never compare"):
        assert words in texts


def test_p_is_printed_at_its_own_resolution():
    assert p_text(1 / 101, 100) == "1 of 101"
    assert p_text(0.5, 999) == "500 of 1000"
    assert p_text(None, 0) == ""


def metric(**changes):
    fields = {
        "metric": "fd", "label": "FD", "better": "lower", "extractor": "e", "extractor_sha256": "", "preprocessing": "",
        "n_real": 1, "n_synth": 1, "n_train": 1, "n_groups": 1, "n_train_groups": 1, "value": 1.0, "floor": 1.0,
        "ratio": 1.0, "ci_low": None, "ci_high": None, "ci_of": "value", "ci_method": "", "p_value": None, "p_text": "",
        "resamples": 0, "seed": 0, "dtype": "", "status": "ok", "method": "",
    }  # fmt: skip
    return MetricResult(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes", [{"value": float("nan")}, {"ci_low": float("inf")}, {"details": {"x": [float("nan")]}}]
)
def test_nan_is_never_printed(changes):
    with pytest.raises(ValueError, match="finite"):
        metric(**changes)
    with pytest.raises(ValueError, match="finite"):
        ImageScore("i", "n", float("nan"), "pixels", "identity", 0.0, None, None, "", ())
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json({"x": float("nan")})
    assert json.loads(to_json(metric()))["value"] == 1.0
