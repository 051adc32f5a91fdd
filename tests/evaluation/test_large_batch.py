"""Looking through 100,000 images: the last window costs what the first does, and no list is read image by image."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evaluation.models import ImageScore
from generation.models import MAX_BATCH_SIZE, Batch, SyntheticImage
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.factories import client_of
from tests.generation.factories import make_batch, make_generator

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases, pytest.mark.slow]

COUNT = MAX_BATCH_SIZE
CLASSES = ("a", "b", "c")
BLOCK = 100


def make_large_batch() -> Batch:
    """A measured batch of the largest size; its images share one file."""
    batch = make_batch(generator=make_generator(state="approved", classes=CLASSES), count=1)
    first = batch.images.get()
    fields: dict[str, Any] = {"seed": first.seed, "digest": first.digest, "pixel_digest": first.pixel_digest}
    fields |= {"size": first.size, "width": first.width, "height": first.height}
    SyntheticImage.objects.bulk_create(
        (
            SyntheticImage(batch=batch, index=index, class_key=CLASSES[index % 3], **fields)
            for index in range(1, COUNT)
        ),
        batch_size=2000,
    )
    Batch.objects.filter(pk=batch.pk).update(count=COUNT)
    evaluation = make_evaluation(image_set=make_image_set(batch=batch))
    ImageScore.objects.bulk_create(
        (
            ImageScore(
                evaluation=evaluation,
                image_id=pk,
                ratio=(index * 7919 % COUNT) / COUNT,
                flags=["copy"] if index % 50 == 0 else [],
            )
            for index, pk in batch.images.values_list("index", "pk").iterator()
        ),
        batch_size=2000,
    )
    return batch


def cost(work: Callable[[], Any]) -> tuple[int, float]:
    """Queries, and the best of three times in seconds."""
    seconds, queries = [], 0
    for _ in range(3):
        with CaptureQueriesContext(connection) as captured:
            started = time.perf_counter()
            answer = work()
            seconds.append(time.perf_counter() - started)
        queries = len(captured)
        assert answer.status_code == 200, answer.content
    return queries, min(seconds)


def test_the_last_window_costs_what_the_first_does(capsys: pytest.CaptureFixture[str]) -> None:
    batch = make_large_batch()
    client = client_of(batch.requested_by)
    base = f"/api/v1/batches/{batch.pk}/images"
    last = f"{COUNT - BLOCK}-{COUNT - 1}"
    costs = {
        rest: cost(lambda rest=rest: client.get(base + rest))  # type: ignore[misc]
        for rest in (
            f"/cells?indexes=0-{BLOCK - 1}", f"/cells?indexes={last}",
            f"/thumbnails?indexes=0-{BLOCK - 1}", f"/thumbnails?indexes={last}",
            "/indexes", "/indexes?discarded=false&ordering=ratio", "/indexes?flag=copy&ordering=ratio", "/counts",
            "?page_size=100", "?page_size=100&ordering=ratio", "?page_size=100&ordering=ratio&min_ratio=0.99",
        )
    }  # fmt: skip
    started = time.perf_counter()
    body = {"filter": {"class": "a"}, "reason": "quality"}
    assert client.post(f"{base}/discard", body, format="json").json()["changed"] == 33_333
    discarding = time.perf_counter() - started
    started = time.perf_counter()
    assert client.post(f"{base}/restore", {"filter": {}}, format="json").json()["changed"] == 33_333
    restoring = time.perf_counter() - started
    with capsys.disabled():
        print(f"\n{connection.vendor}: discard {discarding:.2f} s, restore {restoring:.2f} s")
        for rest, (queries, seconds) in costs.items():
            print(f"{rest:48} {queries:3} queries {1000 * seconds:8.1f} ms")
    for kind in ("cells", "thumbnails"):
        first_queries, first = costs[f"/{kind}?indexes=0-{BLOCK - 1}"]
        last_queries, seconds = costs[f"/{kind}?indexes={last}"]
        assert first_queries == last_queries
        assert seconds < 3 * first + 0.05
    assert max(queries for queries, _ in costs.values()) < 12
