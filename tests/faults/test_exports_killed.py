"""Processes are killed while they export, side by side: an archive is whole under its name or not there, and always the same."""

from __future__ import annotations

import signal
from functools import partial
from typing import Any

import pytest

from annotation.export.verify import verify_archive
from annotation.models import Export, ExportState, Snapshot
from annotation.services import exporting
from synthlab.core.files import path_of
from synthlab.core.invariants import Violation
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.annotation.factories import Scene, make_signed_snapshot
from tests.factories import PASSWORD
from tests.faults.live import LEASE, fresh, live_env, one_job, wait_for
from tests.present import present
from tests.support.soundness import core_violations

pytestmark = [pytest.mark.faults]

POINTS = ("files.pending", "files.synced", "files.renamed", "job.finished")


@pytest.fixture
def env(live_database_env: dict[str, str], settings: Any) -> dict[str, str]:
    """The environment of other processes."""
    settings.JOB_LEASE_SECONDS = LEASE
    return live_env(live_database_env)


def request(scene: Scene, snapshot: Snapshot) -> tuple[Export, Job]:
    export = exporting.request_export(actor=scene.manager, snapshot=snapshot)
    return export, present(export.job)


def state_of(export: Export) -> tuple[str, str]:
    found = Export.objects.get(pk=export.pk)
    return found.state, found.digest


def is_let_go(job: Job) -> bool:
    return fresh(job).state != JobState.RUNNING


def violations() -> list[Violation]:
    """What is broken: half a file under its name, say. The scene's generator is a row without weights, that is known."""
    return [row for row in core_violations() if row.invariant != "every file that a row names is stored"]


def test_killed_at_every_step_an_archive_is_whole_or_not_there(env: dict[str, str]) -> None:
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    exports = {point: request(scene, snapshot) for point in POINTS}
    running = [
        one_job({**env, "SYNTHLAB_KILL_POINT": point}, "--do", str(job.pk))
        for point, (_, job) in exports.items()
    ]
    assert [process.wait(60) for process in running] == [-signal.SIGKILL] * len(POINTS)
    assert violations() == []
    for point, (export, job) in exports.items():
        state, digest = state_of(export)
        assert (state, bool(digest)) == (ExportState.RUNNING, False), point
        wait_for(partial(is_let_go, job), sweeping=True)
        execute(str(job.pk))
    alone, job = request(scene, snapshot)
    execute(str(job.pk))
    told = {state_of(export) for export in (alone, *(export for export, _ in exports.values()))}
    assert len(told) == 1  # by four processes at once, after their death, and by one alone
    [(state, digest)] = told
    assert state == ExportState.SUCCEEDED
    assert verify_archive(path_of(digest)).images == snapshot.item_count
    assert violations() == []
