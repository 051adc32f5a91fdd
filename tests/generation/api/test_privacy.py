"""Real images: nothing without `view_real`, each look in the audit, and no name of an upload anywhere."""

from __future__ import annotations

import hashlib

import pytest
from django.test import Client
from django.urls import reverse

from generation.services import datasets
from synthlab.core.models import AuditEvent
from tests.factories import PASSWORD, client_of
from tests.generation.cast import ROLES, Cast, drained


def looks() -> int:
    return AuditEvent.objects.filter(action="real_image.viewed").count()


def test_pixels_of_real_images_need_the_grant_and_each_look_is_recorded(cast: Cast) -> None:
    image = cast.dataset.images.first()
    assert image is not None
    thumbnail = reverse("real-thumbnail", args=[cast.dataset.pk, image.pk])
    for role in ROLES:
        client = cast.client(role)
        for url, anonymous in ((f"/api/v1/images/{image.pk}/file", 401), (thumbnail, 302)):
            before = looks()
            response = drained(client.get(url))
            expected = {"owner": 200, "anonymous": anonymous}.get(role, 404)
            assert response.status_code == expected, (role, url)
            assert looks() == before + (role == "owner")


def test_a_grant_opens_and_its_end_closes(cast: Cast) -> None:
    image = cast.dataset.images.first()
    assert image is not None
    viewer, url = cast.user("viewer"), f"/api/v1/images/{image.pk}/file"
    member = datasets.set_member(
        actor=cast.dataset.owner, dataset=cast.dataset, user=viewer, role="viewer", view_real=True
    )
    response = drained(client_of(viewer).get(url))
    assert response.status_code == 200
    assert hashlib.sha256(response.content_read).hexdigest() == image.digest
    assert response.headers["Cache-Control"] == "private, no-store"
    event = AuditEvent.objects.filter(action="real_image.viewed").latest("sequence")
    assert (event.actor, event.target_id) == (viewer, image.pk)
    datasets.remove_member(actor=cast.dataset.owner, member=member)
    assert client_of(viewer).get(url).status_code == 404


def test_a_look_answered_from_a_cache_is_recorded_too(cast: Cast) -> None:
    image = cast.dataset.images.first()
    assert image is not None
    client = cast.client("owner")
    first = drained(client.get(f"/api/v1/images/{image.pk}/file"))
    client.get(f"/api/v1/images/{image.pk}/file", HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert looks() == 2


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_the_gallery_shows_nothing_without_the_grant(cast: Cast, role: str) -> None:
    client = Client()
    client.login(username=cast.user(role).username, password=PASSWORD)
    page = client.get(reverse("dataset-gallery", args=[cast.dataset.pk])).content.decode()
    assert "You may not see the real images" in page
    assert "/gallery/" not in page.replace(reverse("dataset-gallery", args=[cast.dataset.pk]) + '"', "")


def test_a_withdrawn_image_is_gone_for_everybody(cast: Cast) -> None:
    image = cast.dataset.images.first()
    assert image is not None
    image.withdrawn_at = image.created_at
    image.withdrawn_by = cast.dataset.owner
    image.save()
    assert cast.client("owner").get(f"/api/v1/images/{image.pk}/file").status_code == 404
    thumbnail = reverse("real-thumbnail", args=[cast.dataset.pk, image.pk])
    assert cast.client("owner").get(thumbnail).status_code == 404
