"""The panel as one function: its steps, and what every number comes with."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from evaluation.ml.judge import Policy, judge
from evaluation.ml.panel import panel
from tests.evaluation.ml.subjects import make_subject


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


@pytest.mark.parametrize(("shift", "decision"), [(0.0, "release"), (1.0, "withhold")])
def test_another_seed_draws_otherwise_and_decides_the_same(shift, decision):
    """Enough groups and calibrated features: these verdicts are `release` and `withhold`, which a draw could tip."""
    found = []
    for seed in (0, 1):
        subject = make_subject(seed=3, shift=shift, groups=50, per_group=1, n_synthetic=90)
        results = [asdict(result) for result in panel(replace(subject, seed=seed)).results]
        found.append({result["metric"]: result["ratio"] for result in results})
        assert judge({"results": results}, Policy()).decision == decision
    assert found[0]["fd"] != found[1]["fd"]
    assert found[0]["fd"] == pytest.approx(found[1]["fd"], rel=0.1)
