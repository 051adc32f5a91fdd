"""Shards and their blocks: joined in the end, kept when the rest fails, never half there. The child is played here."""

from __future__ import annotations

import errno
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from generation.models import Batch, BatchState, GeneratorState
from generation.pixels import pixel_digest
from generation.services import batches, shards
from synthlab.core.files import StoredFile, path_of, store_each
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import execute, requeue_job
from synthlab.core.models import Job, JobState
from tests.generation.factories import make_generator, picture, png

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

Hook = Callable[[int], None]


class Child:
    """Makes blocks of two images, as the sampling process does; `before_block` is called with each block's number."""

    def __init__(self) -> None:
        self.recipe: dict[str, Any] = {"generator": "g", "encoder": "1"}
        self.before_block: Hook = lambda block: None

    def run(
        self, context: JobContext, on_event: Callable[[dict[str, Any]], None], spec: dict[str, Any]
    ) -> None:
        folder = context.work_dir
        (folder / "blocks").mkdir()
        (folder / "recipe.json").write_text(json.dumps(self.recipe))
        images = spec["images"]
        for block, start in enumerate(range(0, len(images), 2)):
            pack = f"blocks/{block}.pack"
            lines = [json.dumps(_made(folder / pack, image)) for image in images[start : start + 2]]
            manifest = folder / f"{block}.jsonl"
            manifest.write_text("\n".join(lines) + "\n")
            self.before_block(block)
            on_event({"type": "artifact", "kind": "images", "path": str(manifest)})
            made = spec["done"] + start + len(lines)
            context.progress("sampling", made, spec["done"] + len(images))


def _made(pack: Path, image: dict[str, Any]) -> dict[str, Any]:
    pixels = picture(image["index"])
    content = png(pixels)
    with pack.open("ab") as file:
        file.write(content)
    return {
        **image, "seed": image["index"], "file": f"blocks/{pack.name}", "pixel_digest": pixel_digest(pixels),
        "digest": hashlib.sha256(content).hexdigest(), "crc32": zlib.crc32(content), "size": len(content),
        "width": 32, "height": 32,
    }  # fmt: skip


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Child:
    settings.SHARD_IMAGES = 4
    child = Child()

    def run_child(context: JobContext, module: str, verb: str, spec: dict[str, Any], on_event: Any) -> Any:
        child.run(context, on_event, spec)
        return {"stopped": False}

    monkeypatch.setattr(JobContext, "run_child", run_child)
    return child


def request(count: int, classes: tuple[str, ...] = ()) -> Batch:
    generator = make_generator(state=GeneratorState.APPROVED, classes=classes)
    return batches.request_batch(actor=generator.dataset.owner, generator=generator, count=count, seed=3)


def job_of(batch: Batch) -> Job:
    assert batch.job is not None
    batch.job.refresh_from_db()
    return batch.job


def parts(batch: Batch) -> list[Job]:
    return list(job_of(batch).children.order_by("payload__first"))


def work(batch: Batch) -> Job:
    """As one worker would do: every shard, then the joining."""
    for shard in parts(batch):
        execute(str(shard.pk))
    execute(str(job_of(batch).pk))
    batch.refresh_from_db()
    return job_of(batch)


def indices(batch: Batch) -> list[int]:
    return list(batch.images.order_by("index").values_list("index", flat=True))


def test_shards_are_joined_when_all_are_there(child: Child) -> None:
    batch = request(10, classes=("a", "b"))
    first, *others = parts(batch)
    execute(str(job_of(batch).pk))  # its message comes first, and has no effect yet
    execute(str(first.pk))
    assert (job_of(batch).state, job_of(batch).progress_done, job_of(batch).progress_total) == (
        JobState.QUEUED, 4, 10,
    )  # fmt: skip
    batch.refresh_from_db()
    assert (batch.state, indices(batch)) == (BatchState.RUNNING, [0, 1, 2, 3])
    for shard in others:
        execute(str(shard.pk))
    execute(str(job_of(batch).pk))
    batch.refresh_from_db()
    assert (job_of(batch).state, batch.state) == (JobState.SUCCEEDED, BatchState.SUCCEEDED)
    assert (job_of(batch).result, batch.recipe) == ({"images": 10}, child.recipe)
    assert indices(batch) == list(range(10))
    keys = batch.images.order_by("index").values_list("class_key", flat=True)
    assert "".join(keys) == "aaaaabbbbb"
    for image in batch.images.all():
        assert image.crc32 == zlib.crc32(path_of(image.digest).read_bytes())


def test_a_full_disk_is_said_at_once_and_leaves_nothing_half_made(
    child: Child, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    calls: list[int] = []

    def store(contents: Iterable[bytes]) -> list[StoredFile]:
        files = list(contents)
        calls.append(len(files))
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return store_each(files)

    monkeypatch.setattr(shards, "store_each", store)
    batch = request(4)
    job = work(batch)
    assert (job.state, job.error_code, job.attempt) == (JobState.FAILED, "disk_full", 0)
    assert "make room" in job.error
    assert (batch.state, indices(batch)) == (BatchState.FAILED, [0, 1])
    assert not list(Path(settings.WORK_ROOT).rglob("*.pack"))
    requeue_job(actor=batch.requested_by, job=job)
    assert work(batch).state == JobState.SUCCEEDED
    assert indices(batch) == [0, 1, 2, 3]
    assert calls == [2, 2, 2]


def test_a_failed_shard_fails_the_batch_and_queueing_it_again_makes_what_is_missing(child: Child) -> None:
    batch = request(12)
    execute(str(parts(batch)[0].pk))

    def broken(block: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    child.before_block = broken
    execute(str(parts(batch)[1].pk))
    batch.refresh_from_db()
    assert (batch.state, job_of(batch).error_code) == (BatchState.FAILED, "shard_failed")
    assert [shard.state for shard in parts(batch)] == ["succeeded", "failed", "cancelled"]
    child.before_block = lambda block: None
    requeue_job(actor=batch.requested_by, job=job_of(batch))
    assert work(batch).state == JobState.SUCCEEDED
    assert indices(batch) == list(range(12))
    assert [shard.fence for shard in parts(batch)] == [1, 2, 1]


def test_a_batch_that_ended_takes_no_more_images(child: Child) -> None:
    batch = request(8)

    def cancel(block: int) -> None:
        if block == 1:
            batches.cancel_batch(actor=batch.requested_by, batch=batch)

    child.before_block = cancel
    one, two = parts(batch)
    execute(str(one.pk))
    one.refresh_from_db()
    two.refresh_from_db()
    batch.refresh_from_db()
    assert (one.state, two.state, batch.state) == (
        JobState.CANCELLED,
        JobState.CANCELLED,
        BatchState.CANCELLED,
    )
    assert indices(batch) == [0, 1]


def test_images_of_one_batch_share_one_recipe(child: Child) -> None:
    batch = request(8)
    one, two = parts(batch)
    execute(str(one.pk))
    child.recipe = {**child.recipe, "encoder": "2"}
    execute(str(two.pk))
    two.refresh_from_db()
    assert (two.state, two.error_code) == (JobState.FAILED, "recipe_changed")
    assert "another encoder than" in two.error
    assert indices(batch) == [0, 1, 2, 3]


def test_a_shard_that_was_complete_already_makes_nothing(child: Child) -> None:
    batch = request(4)
    work(batch)
    kept = dict(batch.images.values_list("index", "pk"))
    Job.objects.filter(pk=job_of(batch).pk).update(state=JobState.QUEUED, finished_at=None)
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.QUEUED, completed_at=None)

    def never(block: int) -> None:
        raise AssertionError("nothing was to be made")

    child.before_block = never
    assert work(batch).state == JobState.SUCCEEDED
    assert dict(batch.images.values_list("index", "pk")) == kept


def test_a_pack_that_does_not_hold_its_list_is_no_batch(child: Child, settings: Any) -> None:
    batch = request(4)

    def cut(block: int) -> None:
        [pack] = Path(settings.WORK_ROOT).rglob("*.pack")
        pack.write_bytes(pack.read_bytes()[:-1])

    child.before_block = cut
    job = work(batch)
    assert (job.state, indices(batch)) == (JobState.QUEUED, [])
    assert "does not hold what its list says" in job.error
