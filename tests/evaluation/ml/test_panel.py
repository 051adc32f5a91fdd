"""The panel as one function: its steps, and what every number comes with."""

import numpy as np
import pytest

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
