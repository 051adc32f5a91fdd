"""Asking for batches: what is refused, what is planned, what a repeated shard does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from generation.models import Batch, BatchState, GeneratorState
from generation.services import batches, datasets
from generation.services.class_mix import class_counts, planned_images
from generation.services.shards import shard_spans
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from synthlab.core.jobs import requeue_job
from synthlab.core.models import Job, JobState
from tests.factories import client_of, make_scientist
from tests.generation.factories import make_batch, make_generator

pytestmark = pytest.mark.django_db


def test_a_batch_is_queued_with_its_job():
    generator = make_generator()
    batch = batches.request_batch(actor=generator.dataset.owner, generator=generator, count=10, seed=7)
    assert batch.state == BatchState.QUEUED
    assert batch.job is not None
    assert batch.job.kind == "batch"
    assert batch.job.subject_id == batch.pk


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"count": 0}, "bad_count"),
        ({"count": -1}, "bad_count"),
        ({"count": 10**9}, "bad_count"),
        ({"seed": -1}, "bad_seed"),
        ({"seed": 2**63}, "bad_seed"),
        ({"truncation": 0.0}, "bad_truncation"),
        ({"truncation": 1.5}, "bad_truncation"),
        ({"class_mix": {"gland": 1.0}}, "unknown_class"),
        ({"truncation": float("nan")}, "bad_truncation"),
    ],
)
def test_a_bad_wish_is_refused_and_changes_nothing(wish, code):
    generator = make_generator()
    with pytest.raises(InvalidInput) as refusal:
        batches.request_batch(
            actor=generator.dataset.owner, generator=generator, **{"count": 5, "seed": 1, **wish}
        )
    assert refusal.value.code == code
    assert not Batch.objects.exists()
    assert not Job.objects.exists()


def test_a_candidate_makes_at_most_two_thousand_in_all():
    generator = make_generator()
    owner = generator.dataset.owner
    batches.request_batch(actor=owner, generator=generator, count=1500, seed=1)
    with pytest.raises(InvalidInput, match="at most 2,000"):
        batches.request_batch(actor=owner, generator=generator, count=501, seed=2)
    batches.request_batch(actor=owner, generator=generator, count=500, seed=2)


def test_a_retired_generator_makes_nothing():
    generator = make_generator(state=GeneratorState.RETIRED)
    with pytest.raises(Conflict):
        batches.request_batch(actor=generator.dataset.owner, generator=generator, count=1, seed=1)


def test_a_stranger_gets_nothing():
    with pytest.raises(NotAllowed):
        batches.request_batch(actor=make_scientist(), generator=make_generator(), count=1, seed=1)


@pytest.mark.parametrize(
    ("count", "mix", "expected"),
    [
        (10, None, {"a": 4, "b": 3, "c": 3}),
        (10, {"a": 2, "b": 8}, {"a": 2, "b": 8, "c": 0}),
        (10, {"c": 1.0}, {"a": 0, "b": 0, "c": 10}),
        (3, {"a": 0.5, "b": 0.5}, {"a": 2, "b": 1, "c": 0}),
        (2000, {"a": 1 / 3, "b": 2 / 3}, {"a": 667, "b": 1333, "c": 0}),
    ],
)
def test_the_class_mix_sums_to_the_count(count, mix, expected):
    assert class_counts(["a", "b", "c"], count, mix) == expected


@pytest.mark.parametrize(
    "mix",
    [{"a": 0.5}, {"a": 1.2}, {"a": -1, "b": 2}, {"a": 3, "b": 8}, {"a": float("nan")}, {"b": float("inf")}],
)
def test_shares_that_do_not_add_up_are_refused(mix):
    with pytest.raises(InvalidInput) as refusal:
        class_counts(["a", "b"], 10, mix)
    assert refusal.value.code == "bad_class_mix"


def test_the_plan_covers_every_index_once_whatever_the_shards(settings):
    keys, counts = ["a", "b", "c"], {"a": 1, "b": 0, "c": 1200}
    whole = planned_images(keys, counts, 0, 1201)
    assert [image["index"] for image in whole] == list(range(1201))
    assert [image["class"] for image in whole] == [0] + [2] * 1200
    settings.SHARD_IMAGES = 500
    spans = list(shard_spans(1201))
    assert spans == [(0, 500), (500, 1000), (1000, 1201)]
    assert [image for span in spans for image in planned_images(keys, counts, *span)] == whole


def test_a_large_batch_is_queued_in_shards_and_a_small_one_is_its_own(settings):
    settings.SHARD_IMAGES = 4
    generator = make_generator()
    owner = generator.dataset.owner
    small = batches.request_batch(actor=owner, generator=generator, count=4, seed=1)
    large = batches.request_batch(actor=owner, generator=generator, count=10, seed=1)
    assert small.job is not None
    assert large.job is not None
    assert not small.job.children.exists()
    shards = large.job.children.order_by("payload__first")
    assert [(shard.kind, shard.payload) for shard in shards] == [
        ("batch_shard", {"first": first, "stop": stop}) for first, stop in ((0, 4), (4, 8), (8, 10))
    ]
    assert sum(shard.progress_total for shard in shards) == large.job.progress_total == 10


def test_a_person_may_ask_for_so_many_images_in_a_day(settings):
    settings.IMAGES_PER_DAY = 100
    generator = make_generator()
    owner = generator.dataset.owner
    first = batches.request_batch(actor=owner, generator=generator, count=60, seed=1)
    with pytest.raises(InvalidInput) as refusal:
        batches.request_batch(actor=owner, generator=generator, count=41, seed=2)
    assert refusal.value.code == "batch_quota"
    assert refusal.value.extra["left"] == 40
    assert "40 are left" in refusal.value.detail
    member = make_scientist()
    datasets.set_member(actor=owner, dataset=generator.dataset, user=member)
    batches.request_batch(actor=member, generator=generator, count=100, seed=2)
    batches.cancel_batch(actor=owner, batch=first)  # made nothing, so it costs nothing
    second = batches.request_batch(actor=owner, generator=generator, count=100, seed=2)
    Batch.objects.filter(pk=second.pk).update(created_at=timezone.now() - timedelta(hours=25))
    batches.request_batch(actor=owner, generator=generator, count=100, seed=3)


def test_cancelling_a_finished_batch_is_a_conflict():
    batch = make_batch()
    with pytest.raises(Conflict):
        batches.cancel_batch(actor=batch.requested_by, batch=batch)


def test_a_cancelled_batch_says_so():
    generator = make_generator()
    owner = generator.dataset.owner
    batch = batches.request_batch(actor=owner, generator=generator, count=5, seed=1)
    batch = batches.cancel_batch(actor=owner, batch=batch)
    assert batch.job is not None
    batch.job.refresh_from_db()
    assert batch.job.state == JobState.CANCELLED
    assert batch.state == BatchState.CANCELLED


def _fail(batch: Batch) -> Job:
    assert batch.job is not None
    Job.objects.filter(pk=batch.job.pk).update(state=JobState.FAILED, finished_at=batch.created_at)
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.FAILED, completed_at=batch.created_at)
    return Job.objects.get(pk=batch.job.pk)


def test_who_has_left_the_data_set_cannot_queue_a_failed_batch_again():
    generator, member = make_generator(), make_scientist()
    owner = generator.dataset.owner
    membership = datasets.set_member(actor=owner, dataset=generator.dataset, user=member)
    batch = batches.request_batch(actor=member, generator=generator, count=4, seed=1)
    job = _fail(batch)
    datasets.remove_member(actor=owner, member=membership)
    answer = client_of(member).post(f"/api/v1/jobs/{job.pk}/requeue")
    assert (answer.status_code, answer.json()["code"]) == (403, "members_only")
    job.refresh_from_db()
    assert job.state == JobState.FAILED


def test_a_failed_batch_comes_back_within_the_limit_of_its_candidate_only():
    generator = make_generator()
    owner = generator.dataset.owner
    first = batches.request_batch(actor=owner, generator=generator, count=2000, seed=1)
    job = _fail(first)
    second = batches.request_batch(actor=owner, generator=generator, count=2000, seed=2)
    with pytest.raises(InvalidInput) as refusal:
        requeue_job(actor=owner, job=job)
    assert refusal.value.code == "candidate_limit"
    _fail(second)
    requeue_job(actor=owner, job=job)
    first.refresh_from_db()
    assert (first.state, first.completed_at) == (BatchState.QUEUED, None)
    with pytest.raises(InvalidInput):
        batches.request_batch(actor=owner, generator=generator, count=1, seed=3)
