"""The gallery: one recorded event for a page, thumbnails by passes that are good for nobody else."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import SourceImage
from generation.services import datasets
from synthlab.core.models import AuditEvent
from tests.factories import PASSWORD
from tests.generation.cast import Cast, drained


def opened(cast: Cast, role: str = "owner") -> Client:
    client = Client()
    client.login(username=cast.user(role).username, password=PASSWORD)
    return client


def gallery(client: Client, cast: Cast, **query: str) -> str:
    response = client.get(reverse("dataset-gallery", args=[cast.dataset.pk]), query)
    assert response.status_code == 200
    return response.content.decode()


def thumbnails(page: str) -> list[str]:
    return [url.replace("&amp;", "&") for url in re.findall(r'<img src="(/datasets/[^"]+)"', page)]


def looks() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action__startswith="real_image").order_by("sequence"))


def test_a_page_is_one_event_that_names_every_image_on_it(cast: Cast) -> None:
    client = opened(cast)
    urls = thumbnails(gallery(client, cast))
    assert len(urls) == cast.dataset.images.count() == 20
    for url in urls:
        response = drained(client.get(url))
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "private, no-store"
    (event,) = looks()
    assert (event.action, event.actor, event.target_id) == (
        "real_images.viewed",
        cast.dataset.owner,
        cast.dataset.pk,
    )
    assert set(event.facts["images"]) == {str(pk) for pk in cast.dataset.images.values_list("pk", flat=True)}


def test_only_the_images_of_the_page_are_named(cast: Cast) -> None:
    gallery(opened(cast), cast, split="val")
    (event,) = looks()
    assert set(event.facts["images"]) == {str(image.pk) for image in cast.dataset.images.in_split("val")}


def test_nothing_is_recorded_for_who_sees_nothing(cast: Cast) -> None:
    for role in ("member", "viewer"):
        assert thumbnails(gallery(opened(cast, role), cast)) == []
    assert looks() == []


@pytest.mark.parametrize("spoilt", ["", "x", "1u2Bz0:forged"])
def test_without_a_good_pass_each_look_is_an_event_of_its_own(cast: Cast, spoilt: str) -> None:
    image = cast.dataset.images.all()[0]
    url = reverse("real-thumbnail", args=[cast.dataset.pk, image.pk])
    drained(opened(cast).get(url, {"pass": spoilt}))
    (event,) = looks()
    assert (event.action, event.target_id) == ("real_image.viewed", image.pk)


def test_a_pass_is_good_for_one_person_one_image_and_ten_minutes(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = cast.user("viewer")
    datasets.set_member(
        actor=cast.dataset.owner, dataset=cast.dataset, user=other, role="viewer", view_real=True
    )
    owner = opened(cast)
    first, second = thumbnails(gallery(owner, cast))[:2]
    before = len(looks())
    drained(opened(cast, "viewer").get(first))
    assert len(looks()) == before + 1  # somebody else's pass
    swapped = second.partition("?")[0] + "?" + first.partition("?")[2]
    drained(owner.get(swapped))
    assert len(looks()) == before + 2  # another image's
    drained(owner.get(first))
    assert len(looks()) == before + 2
    now = time.time
    monkeypatch.setattr("django.core.signing.time.time", lambda: now() + 601)
    drained(owner.get(first))
    assert len(looks()) == before + 3


def test_a_pass_opens_nothing_once_the_grant_is_gone_or_the_image_withdrawn(cast: Cast) -> None:
    client = opened(cast)
    first, second = thumbnails(gallery(client, cast))[:2]
    gone = SourceImage.objects.get(pk=second.split("/")[4])
    gone.withdrawn_at, gone.withdrawn_by = gone.created_at, cast.dataset.owner
    gone.save()
    assert client.get(second).status_code == 404
    cast.dataset.members.filter(user=cast.dataset.owner).update(view_real=False)
    assert client.get(first).status_code == 404


def test_filters(cast: Cast) -> None:
    rows = list(cast.dataset.images.order_by("pk"))
    cast.dataset.classes = [{"key": "gland", "title": "Gland"}]
    cast.dataset.save()
    SourceImage.objects.filter(pk=rows[0].pk).update(class_key="gland")
    SourceImage.objects.filter(pk=rows[1].pk).update(flags=["blurred", "near_duplicate"])
    SourceImage.objects.filter(pk=rows[2].pk).update(
        withdrawn_at=rows[2].created_at, withdrawn_by=cast.dataset.owner
    )
    client = opened(cast)
    for query, expected in (
        ({"class": "gland"}, {rows[0]}),
        ({"flag": "blurred"}, {rows[1]}),
        ({"flag": "near_duplicate"}, {rows[1]}),
        ({"flag": "enlarged"}, set()),
        ({"split": "sideways"}, set(rows) - {rows[2]}),
    ):
        told = {url.split("/")[4] for url in thumbnails(gallery(client, cast, **query))}
        assert told == {str(row.pk) for row in expected}, query
    page = gallery(client, cast, withdrawn="yes")
    assert thumbnails(page) == []
    assert str(rows[2].pk) in page


def test_a_full_look_is_recorded_by_itself(cast: Cast) -> None:
    image: Any = cast.dataset.images.all()[0]
    client = opened(cast)
    page = client.get(reverse("real-image", args=[cast.dataset.pk, image.pk])).content.decode()
    assert looks() == []
    drained(client.get(reverse("image-file", args=[image.pk])))
    (event,) = looks()
    assert event.target_id == image.pk
    assert reverse("image-file", args=[image.pk]) in page
