"""Weights that were damaged in the store, and a disk that is full: the real child says so, and the batch goes on after repair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generation.models import Batch, Generator, GeneratorState
from generation.services import batches
from synthlab.core.files import path_of, stored_digests
from synthlab.core.invariants import find_violations
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import execute
from tests.factories import client_of
from tests.generation import factories
from tests.generation.tiny import CLASSES, tiny_weights

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 20


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Batch:
    settings.TORCH_THREADS = 1
    settings.MEDIA_ROOT = tmp_path / "media"  # what this batch stores is counted
    settings.MEDIA_ROOT.mkdir()
    monkeypatch.setattr(factories, "weights_file", tiny_weights)
    generator: Generator = factories.make_generator(state=GeneratorState.APPROVED, classes=tuple(CLASSES))
    return batches.request_batch(actor=generator.dataset.owner, generator=generator, count=COUNT, seed=7)


def work(batch: Batch) -> dict[str, Any]:
    """Do the batch's job; how it stands then, as its owner is told."""
    execute(str(batch.job_id))
    told: dict[str, Any] = client_of(batch.requested_by).get(f"/api/v1/jobs/{batch.job_id}").json()
    return told


def comes_back(batch: Batch, mend: Callable[[], None]) -> None:
    """Nothing is half there; after the repair the same job makes the batch."""
    client = client_of(batch.requested_by)
    told = client.get(f"/api/v1/batches/{batch.pk}").json()
    assert (told["state"], told["image_count"]) == ("failed", 0)
    assert list(stored_digests()) == [batch.generator.digest]
    assert client.get(f"/api/v1/batches/{batch.pk}/archive").json()["code"] == "batch_empty"
    mend()
    assert client.post(f"/api/v1/jobs/{batch.job_id}/requeue").status_code == 202
    assert work(batch)["state"] == "succeeded"
    assert client.get(f"/api/v1/batches/{batch.pk}").json()["image_count"] == COUNT
    assert list(find_violations()) == []


def test_damaged_weights_fail_the_batch_at_once(batch: Batch) -> None:
    path = path_of(batch.generator.digest)
    whole = path.read_bytes()

    def put(content: bytes) -> None:
        path.unlink()
        path.write_bytes(content)

    put(whole[:-100])
    told = work(batch)
    assert (told["state"], told["error_code"], told["attempt"]) == ("failed", "wrong_digest", 1)
    assert "bring it back from a backup" in told["error"]
    comes_back(batch, lambda: put(whole))


def test_a_full_disk_fails_the_batch_at_once(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    run_child = JobContext.run_child

    def on_a_full_disk(context: JobContext, *arguments: Any, **options: Any) -> Any:
        (context.work_dir / "recipe.json").symlink_to("/dev/full")  # the kernel's own refusal
        return run_child(context, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(JobContext, "run_child", on_a_full_disk)
        told = work(batch)
    assert (told["state"], told["error_code"], told["attempt"]) == ("failed", "disk_full", 1)
    assert "make room" in told["error"]
    comes_back(batch, lambda: None)
