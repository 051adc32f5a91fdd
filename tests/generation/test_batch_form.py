"""The form that asks for images, and what the page of a batch offers for download."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import BatchState
from tests.generation.factories import make_batch, make_generator, make_synthetic_image

pytestmark = pytest.mark.django_db


def page(user: Any, name: str, pk: Any) -> str:
    client = Client()
    client.force_login(user)
    response = client.get(reverse(name, args=[pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_a_generator_with_classes_asks_for_their_mix() -> None:
    generator = make_generator(classes=("gland", 'a "b" <c>'))
    shown = page(generator.dataset.owner, "generator-page", generator.pk)
    assert 'data-mix-class="gland"' in shown
    assert 'data-mix-class="a &quot;b&quot; &lt;c&gt;"' in shown
    assert "js/pages/batch-form" in shown
    plain = make_generator()
    assert "data-class-mix" not in page(plain.dataset.owner, "generator-page", plain.pk)


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
