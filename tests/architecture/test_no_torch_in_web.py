"""Web and worker processes stay small and can be forked: they never load torch."""

import subprocess
import sys

import pytest

LOADS = {
    "web": "import synthlab.wsgi; from django.urls import get_resolver; get_resolver().reverse_dict",
    "worker": (
        "import django; django.setup(); import synthlab.core.jobs, django_q.cluster, importlib.util\n"
        "for app in ('generation', 'evaluation', 'annotation'):\n"
        "    if importlib.util.find_spec(app + '.tasks'): __import__(app + '.tasks')"
    ),
    "command line": "import synthlab.cli",
}
HEAVY = ("torch", "torchvision", "litserve", "highdicom", "pyarrow")


@pytest.mark.parametrize("process", LOADS)
def test_process_starts_without_torch(process, live_settings_env):
    probe = f"import sys\n{LOADS[process]}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    outcome = subprocess.run(
        [sys.executable, "-c", probe], env=live_settings_env, capture_output=True, text=True
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split() == []


def test_the_probe_would_notice_torch(live_settings_env):
    probe = "import sys, torch\nprint(*[name for name in ('torch',) if name in sys.modules])"
    outcome = subprocess.run(
        [sys.executable, "-c", probe], env=live_settings_env, capture_output=True, text=True
    )
    assert outcome.stdout.split() == ["torch"]
