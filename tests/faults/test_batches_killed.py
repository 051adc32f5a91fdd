"""Workers are killed, and people change their minds, while a batch is made in shards: nothing is lost or there twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generation.ml.sample_verb import BLOCK_SIZE
from generation.models import Batch, BatchState, Dataset, Generator
from generation.services import batches, training
from synthlab.core.files import path_of
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job, JobState
from tests.faults.live import LiveCluster, clusters, fresh, wait_for
from tests.faults.test_generation_killed import CONFIG, child_of, job_of, kill_worker_of
from tests.generation.factories import make_dataset

pytestmark = [pytest.mark.faults, pytest.mark.both_databases, pytest.mark.slow_on_sqlite]

Start = Callable[[], LiveCluster]
SHARD = 300
COUNT = 3 * SHARD + 7


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """In the workers and in this process."""
    monkeypatch.setenv("SYNTHLAB_TORCH_THREADS", "1")
    settings.TORCH_THREADS = 1
    settings.SHARD_IMAGES = SHARD


@pytest.fixture
def start(one_thread: None, env: dict[str, str], tmp_path: Path) -> Any:
    """Starts clusters of the long lane, of two workers; afterwards every invariant of every app is checked."""
    two = {**env, "SYNTHLAB_LONG_WORKERS": "2"}
    with clusters(two, tmp_path / "cluster.log", lane="long") as start:
        yield start
    assert list(find_violations()) == []


@pytest.fixture
def generator(transactional_db: None) -> Generator:
    """A real little generator, made by a real training."""
    dataset: Dataset = make_dataset(per_split=12)
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={**CONFIG, "steps": 2}, seed=1)
    execute(str(job_of(run).pk))
    assert fresh(job_of(run)).state == JobState.SUCCEEDED, job_of(run).error
    return run.generators.get()


def request(generator: Generator, count: int = COUNT) -> Batch:
    return batches.request_batch(actor=generator.dataset.owner, generator=generator, count=count, seed=5)


def shards_of(batch: Batch) -> list[Job]:
    return list(job_of(batch).children.order_by("created_at"))


def running(batch: Batch) -> int:
    return job_of(batch).children.filter(state=JobState.RUNNING).count()


def digests(batch: Batch) -> list[str]:
    return list(batch.images.order_by("index").values_list("digest", flat=True))


def test_two_workers_take_shards_side_by_side_and_the_loss_of_one_loses_nothing(
    start: Start, generator: Generator, settings: Any
) -> None:
    batch = request(generator)
    assert len(shards_of(batch)) == 4
    cluster = start()
    wait_for(lambda: running(batch) == 2, 90)
    kill_worker_of(child_of(cluster, "generation.ml"))
    wait_for(lambda: fresh(job_of(batch)).is_finished, 150, sweeping=True)
    assert (job_of(batch).state, job_of(batch).fence) == (JobState.SUCCEEDED, 1), job_of(batch).error
    assert (job_of(batch).progress_done, job_of(batch).progress_total) == (COUNT, COUNT)
    shards = shards_of(batch)
    assert {shard.state for shard in shards} == {JobState.SUCCEEDED}
    assert (
        max(shard.fence for shard in shards) >= 2
    )  # on a slow machine the other one may lose its lease as well
    batch.refresh_from_db()
    assert batch.state == BatchState.SUCCEEDED
    assert list(batch.images.order_by("index").values_list("index", flat=True)) == list(range(COUNT))
    assert AuditEvent.objects.filter(action="batch.succeeded", target_id=batch.pk).count() == 1
    for image in batch.images.filter(index__in=(0, SHARD, COUNT - 1)):
        assert hashlib.sha256(path_of(image.digest).read_bytes()).hexdigest() == image.digest
    cluster.close()

    settings.SHARD_IMAGES = COUNT  # the same request, made in one piece by one worker: the same files
    again = request(generator)
    execute(str(job_of(again).pk))
    assert fresh(job_of(again)).state == JobState.SUCCEEDED, job_of(again).error
    assert digests(again) == digests(batch)
    again.refresh_from_db()
    assert again.recipe == batch.recipe


def test_a_killed_shard_keeps_its_blocks(start: Start, generator: Generator, settings: Any) -> None:
    count = 2 * BLOCK_SIZE
    settings.SHARD_IMAGES = count
    batch = request(generator, count)
    cluster = start()
    wait_for(lambda: batch.images.count() >= BLOCK_SIZE, 90)
    kill_worker_of(child_of(cluster, "generation.ml"))
    kept = dict(batch.images.values_list("index", "pk"))
    assert len(kept) == BLOCK_SIZE
    wait_for(lambda: fresh(job_of(batch)).is_finished, 150, sweeping=True)
    assert (job_of(batch).state, job_of(batch).attempt) == (JobState.SUCCEEDED, 0)
    assert job_of(batch).fence >= 2
    assert list(batch.images.order_by("index").values_list("index", flat=True)) == list(range(count))
    assert kept.items() <= dict(batch.images.values_list("index", "pk")).items()


def test_a_cancelled_batch_keeps_what_is_complete(start: Start, generator: Generator) -> None:
    batch = request(generator)
    start()
    wait_for(lambda: job_of(batch).children.filter(state=JobState.SUCCEEDED).exists(), 90)
    kept = set(batch.images.values_list("pk", flat=True))
    batches.cancel_batch(actor=batch.requested_by, batch=batch)
    wait_for(lambda: not job_of(batch).children.live().exists(), 60)
    batch.refresh_from_db()
    assert (batch.state, fresh(job_of(batch)).state) == (BatchState.CANCELLED, JobState.CANCELLED)
    left = set(batch.images.values_list("pk", flat=True))
    assert kept <= left
    assert SHARD <= len(left) < COUNT
    assert all(path_of(digest).is_file() for digest in digests(batch))
