"""The form that asks for images, and what the page of a batch offers for download."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.models import Batch, BatchState, Generator, GeneratorState
from synthlab.core.models import Job, JobState, Lane
from tests.generation.factories import make_batch, make_generator, make_synthetic_image

pytestmark = pytest.mark.django_db


def page(user: Any, name: str, pk: Any) -> str:
    client = Client()
    client.force_login(user)
    response = client.get(reverse(name, args=[pk]))
    assert response.status_code == 200
    return response.content.decode()


def with_job(batch: Batch, **fields: Any) -> Job:
    job = Job.objects.create(kind="batch", lane=Lane.LONG, requested_by=batch.requested_by, **fields)
    Batch.objects.filter(pk=batch.pk).update(job=job)
    return job


def test_a_generator_with_classes_asks_for_their_mix() -> None:
    generator = make_generator(classes=("gland", 'a "b" <c>'))
    shown = page(generator.dataset.owner, "generator-page", generator.pk)
    assert 'data-mix-class="gland"' in shown
    assert 'data-mix-class="a &quot;b&quot; &lt;c&gt;"' in shown
    assert "js/pages/batch-form" in shown
    plain = make_generator()
    assert "data-class-mix" not in page(plain.dataset.owner, "generator-page", plain.pk)


def test_the_form_says_how_many_images_this_generator_may_make() -> None:
    for state, most, words in (
        (GeneratorState.CANDIDATE, "2000", "A candidate makes at most 2,000"),
        (GeneratorState.APPROVED, "100000", "At most 100,000 in one batch"),
    ):
        generator = make_generator(state=state)
        shown = page(generator.dataset.owner, "generator-page", generator.pk)
        assert f'max="{most}"' in shown
        assert words in shown


def test_a_batch_that_failed_can_be_tried_again_by_who_asked_for_it() -> None:
    batch = make_batch(state=BatchState.FAILED, count=9000)
    error = "the disk is full"
    job = with_job(batch, state=JobState.FAILED, error=error, finished_at=timezone.now())
    shown = page(batch.requested_by, "batch-page", batch.pk)
    assert "The disk is full" in shown
    assert "0 of 9,000 images stand" in shown
    assert reverse("job-requeue", args=[job.pk]) in shown
    retired = Generator.objects.filter(pk=batch.generator.pk)
    retired.update(state=GeneratorState.RETIRED)
    assert reverse("job-requeue", args=[job.pk]) not in page(batch.requested_by, "batch-page", batch.pk)
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.CANCELLED)
    shown = page(batch.requested_by, "batch-page", batch.pk)
    assert reverse("job-requeue", args=[job.pk]) not in shown
    assert 'data-tone="bad"' not in shown  # nothing went wrong


def test_a_batch_made_in_parts_is_at_work_while_its_own_job_waits() -> None:
    batch = make_batch(state=BatchState.RUNNING, count=100_000)
    with_job(batch, phase="shards", progress_done=12_000, progress_total=100_000)
    shown = page(batch.requested_by, "batch-page", batch.pk)
    assert "12,000 of 100,000" in shown
    assert "in parts" in shown
    assert 'data-state="queued"' not in shown


def test_what_has_ended_with_images_can_be_downloaded() -> None:
    done = make_batch(count=1)
    address = reverse("batch-archive", args=[done.pk])
    shown = page(done.requested_by, "batch-page", done.pk)
    assert f'href="{address}"' in shown
    assert f'href="{address}?format=webdataset"' in shown
    for state, expected in ((BatchState.CANCELLED, True), (BatchState.RUNNING, False)):
        batch = make_batch(state=state)
        make_synthetic_image(batch=batch, index=0)
        address = reverse("batch-archive", args=[batch.pk])
        assert (address in page(batch.requested_by, "batch-page", batch.pk)) is expected
    empty = make_batch(state=BatchState.FAILED)
    assert reverse("batch-archive", args=[empty.pk]) not in page(empty.requested_by, "batch-page", empty.pk)
