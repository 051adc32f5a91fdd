"""The file of a generator: for those who may see what it learnt from, and each time in the audit."""

from __future__ import annotations

import hashlib

from django.urls import reverse

from generation.services import datasets
from synthlab.core.models import AuditEvent
from tests.generation.cast import ROLES, Cast, drained
from tests.generation.factories import make_generator


def downloads() -> int:
    return AuditEvent.objects.filter(action="generator.downloaded").count()


def test_weights_need_the_grant_and_each_download_is_recorded(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset)
    url = f"/api/v1/generators/{generator.pk}/weights"
    expected = {"owner": 200, "member": 403, "viewer": 403, "anonymous": 401}
    for role in ROLES:
        before = downloads()
        response = drained(cast.client(role).get(url))
        assert response.status_code == expected.get(role, 404), role
        assert downloads() == before + (role == "owner")
        if response.status_code == 403:
            assert response.json()["code"] == "view_real_needed"
        if response.status_code == 200:
            assert hashlib.sha256(response.content_read).hexdigest() == generator.digest
            assert response.headers["Cache-Control"] == "private, no-store"
            assert f"{generator.digest}.safetensors" in response.headers["Content-Disposition"]


def test_a_broken_download_goes_on_and_the_page_offers_it_with_the_grant_only(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset)
    url = f"/api/v1/generators/{generator.pk}/weights"
    datasets.set_member(
        actor=cast.dataset.owner,
        dataset=cast.dataset,
        user=cast.user("viewer"),
        role="viewer",
        view_real=True,
    )
    rest = drained(cast.client("viewer").get(url, HTTP_RANGE="bytes=10-"))
    assert (rest.status_code, len(rest.content_read)) == (206, generator.size - 10)
    page = reverse("generator-page", args=[generator.pk])
    offered = {role: url in cast.client(role).get(page).content.decode() for role in ("viewer", "member")}
    assert offered == {"viewer": True, "member": False}
