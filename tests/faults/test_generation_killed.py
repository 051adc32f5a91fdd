"""A worker is killed while it trains, samples or measures: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from evaluation.models import Evaluation, EvaluationState, GateDecision, ImageScore, MetricResult
from evaluation.services import evaluating
from generation.models import (
    Batch,
    Dataset,
    Generator,
    Training,
    TrainingMetric,
    TrainingSample,
    TrainingState,
)
from generation.services import training
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job, JobState
from tests.faults.live import LiveCluster, alive, clusters, fresh, kill, wait_for
from tests.generation.factories import make_batch, make_dataset, make_generator

pytestmark = [pytest.mark.faults, pytest.mark.both_databases, pytest.mark.slow_on_sqlite]

Start = Callable[[], LiveCluster]
CONFIG = {
    "preset": "quick",
    "steps": 40,
    "g_filters": 4,
    "d_filters": 4,
    "batch_size": 4,
    "latent_size": 8,
    "metric_every": 5,
    "sample_every": 10,
    "checkpoint_every": 10,
    "sample_count": 4,
    "standing_batches": 1,
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """In the workers and in this process."""
    monkeypatch.setenv("SYNTHLAB_TORCH_THREADS", "1")
    settings.TORCH_THREADS = 1


@pytest.fixture
def start(one_thread: None, env: dict[str, str], tmp_path: Path) -> Any:
    """Starts clusters of the long lane; afterwards every invariant of every app is checked."""
    with clusters(env, tmp_path / "cluster.log", lane="long") as start:
        yield start
    assert list(find_violations()) == []


@pytest.fixture
def dataset(transactional_db: None) -> Dataset:
    return make_dataset(per_split=12)


def child_of(cluster: LiveCluster, module: str) -> psutil.Process:
    """The child that does the work, once it runs."""
    found: list[psutil.Process] = []

    def look() -> bool:
        for process in cluster.master.children(recursive=True):
            try:
                if module in process.cmdline():
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return bool(found)

    wait_for(look, 60)
    return found[0]


def kill_worker_of(child: psutil.Process) -> None:
    """The worker alone, by SIGKILL; its child must not outlive it by more than five seconds."""
    parent = child.parent()
    assert parent is not None
    kill(parent.pid)
    wait_for(lambda: not alive(child.pid), 5)


def job_of(row: Training | Batch | Evaluation) -> Job:
    assert row.job is not None
    return row.job


def test_a_killed_training_goes_on_from_its_checkpoint(start: Start, dataset: Dataset) -> None:
    run = training.start_training(
        actor=dataset.owner, dataset=dataset, config={**CONFIG, "steps": 120}, seed=3
    )
    cluster = start()
    child = child_of(cluster, "generation.ml")
    wait_for(lambda: fresh(job_of(run)).cursor.get("step", 0) >= 10, 90)
    kill_worker_of(child)
    reached = fresh(job_of(run)).cursor["step"]
    assert 10 <= reached < 120
    wait_for(lambda: fresh(job_of(run)).is_finished, 120, sweeping=True)
    assert (job_of(run).state, job_of(run).fence) == (JobState.SUCCEEDED, 2)
    run.refresh_from_db()
    assert (run.state, run.step) == (TrainingState.SUCCEEDED, 120)
    steps = list(TrainingMetric.objects.filter(training=run, name="g_loss").values_list("step", flat=True))
    assert steps == list(range(5, 121, 5))
    grids = list(TrainingSample.objects.filter(training=run).values_list("step", flat=True))
    assert len(grids) == len(set(grids)) >= 12
    assert AuditEvent.objects.filter(action="training.succeeded", target_id=run.pk).count() == 1
    assert Generator.objects.count() == 1


def trained(dataset: Dataset) -> Generator:
    """A real little generator, made by a real training."""
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={**CONFIG, "steps": 2}, seed=1)
    execute(str(job_of(run).pk))
    assert fresh(job_of(run)).state == JobState.SUCCEEDED, job_of(run).error
    return run.generators.get()


def test_a_killed_evaluation_measures_once(start: Start, dataset: Dataset) -> None:
    batch = make_batch(generator=make_generator(dataset=dataset), count=200)
    evaluation = evaluating.request_evaluation(actor=dataset.owner, batch=batch, extractor="random-conv")
    cluster = start()
    kill_worker_of(child_of(cluster, "evaluation.ml"))
    assert not MetricResult.objects.exists()
    wait_for(lambda: fresh(job_of(evaluation)).is_finished, 120, sweeping=True)
    assert (job_of(evaluation).state, job_of(evaluation).fence) == (JobState.SUCCEEDED, 2)
    evaluation.refresh_from_db()
    assert evaluation.state == EvaluationState.SUCCEEDED
    assert ImageScore.objects.filter(evaluation=evaluation).count() == 200
    names = list(
        MetricResult.objects.filter(evaluation=evaluation, class_key="").values_list("name", flat=True)
    )
    assert len(names) == len(set(names)) > 5
    assert GateDecision.objects.filter(batch=batch).count() == 1
