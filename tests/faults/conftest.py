from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.live import LEASE, clusters, live_env
from tests.support.soundness import core_violations


@pytest.fixture
def env(live_database_env: dict[str, str], settings: Any) -> Iterator[dict[str, str]]:
    """The environment of other processes; afterwards every promise of the floor is checked."""
    settings.JOB_LEASE_SECONDS = LEASE
    yield live_env(live_database_env)
    assert core_violations() == []


@pytest.fixture
def start_cluster(env: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    with clusters(env, tmp_path / "cluster.log") as start:
        yield start
    print((tmp_path / "cluster.log").read_text()[-6000:])
