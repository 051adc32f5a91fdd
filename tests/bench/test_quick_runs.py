"""`QUICK=1` gives a glance at every benchmark within its time."""

import json
import os
import subprocess
import sys

import pytest

from bench.__main__ import discover


@pytest.mark.slow
@pytest.mark.parametrize("bench", discover(), ids=lambda bench: bench.name)
def test_quick_run_ends_in_time_with_its_summary(bench, repository):
    command = [sys.executable, "-m", f"bench.{bench.name}"]
    environment = {**os.environ, "QUICK": "1"}
    outcome = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=bench.quick_seconds
    )
    summary = json.loads(outcome.stdout.splitlines()[-1])
    assert summary["bench"] == bench.name
    assert outcome.returncode == (0 if summary["held"] else 1), outcome.stderr
    assert set(summary["aims"]) <= set(summary["ratios"])
    assert not set(summary["unmeasured"]) & set(summary["ratios"])
