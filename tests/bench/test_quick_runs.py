"""`QUICK=1` gives a glance at every benchmark within its time."""

import json
import os
import subprocess
import sys

import pytest

from bench.__main__ import discover

QUICK_SECONDS = 50


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.name for one in discover()])
def test_quick_run_ends_in_time_with_its_summary(name, repository):
    command = [sys.executable, "-m", f"bench.{name}"]
    environment = {**os.environ, "QUICK": "1"}
    outcome = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=QUICK_SECONDS
    )
    summary = json.loads(outcome.stdout.splitlines()[-1])
    assert summary["bench"] == name
    assert outcome.returncode == (0 if summary["held"] else 1), outcome.stderr
    assert set(summary["aims"]) <= set(summary["ratios"])
    assert not set(summary["unmeasured"]) & set(summary["ratios"])
