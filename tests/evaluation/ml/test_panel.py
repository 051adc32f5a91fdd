"""The panel as one function: its steps, its independence of order, and what discards change."""

from typing import Any

import numpy as np
import pytest

from evaluation.ml.panel import panel, panel_without
from tests.evaluation.ml.subjects import make_subject


def numbers(measured):
    return {
        (result.metric, result.class_key, name): getattr(result, name)
        for result in measured.results
        for name in ("value", "floor", "ci_low", "ci_high")
        if getattr(result, name) is not None
    }


def statuses(measured):
    return {(result.metric, result.class_key): result.status for result in measured.results}


def test_after_discards_the_numbers_are_those_of_what_is_left():
    drawn: dict[str, Any] = {
        "seed": 0,
        "groups": 12,
        "n_synthetic": 40,
        "copied": 0.2,
        "classes": ("a", "b"),
        "signal": 1.0,
    }
    subject, afresh = make_subject(**drawn), make_subject(**drawn)
    measured = panel(subject)
    gone = [ref.id for ref in subject.synthetic.refs[::7]]
    quick, plain = panel_without(subject, measured, gone), panel(afresh.without(gone))
    # Distances are sums in float32, and their order follows how many pictures are taken at once.
    assert numbers(quick) == pytest.approx(numbers(plain), rel=1e-6, abs=1e-9)
    assert statuses(quick) == statuses(plain)
    assert [score.flags for score in quick.scores] == [score.flags for score in plain.scores]
    assert {score.id for score in quick.scores}.isdisjoint(gone)


def test_every_step_is_told_and_may_stop_the_panel():
    told = []

    class Enough(Exception):
        pass

    def stop(name, done, total):
        told.append((name, done, total))
        if name == "ms_ssim":
            raise Enough

    with pytest.raises(Enough):
        panel(make_subject(seed=1, groups=6, n_synthetic=12), stop)
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert told[-1][0] == "ms_ssim"


def test_no_number_without_counts_method_and_status():
    measured = panel(make_subject(seed=2, groups=8, n_synthetic=20, classes=("a", "b"), signal=1.0))
    assert len(measured.scores) == 20
    for result in measured.results:
        assert result.method
        assert result.status in ("ok", "insufficient")
        if result.status != "ok":
            assert result.caveats or result.metric in ("duplicates", "identical")
        if result.value is not None:
            assert np.isfinite(result.value)
