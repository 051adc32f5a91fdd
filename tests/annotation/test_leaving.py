"""A page that is left gives back what nobody has touched; what comes late takes nothing from the page that followed it."""

from __future__ import annotations

import pytest

from annotation.models import Read, ReadState
from tests.annotation.calls import API, claim, post
from tests.annotation.factories import Scene
from tests.factories import client_of

pytestmark = pytest.mark.django_db


def test_a_release_of_an_older_lease_leaves_the_newer_one():
    scene = Scene(1)
    client = client_of(scene.reader)
    [before] = claim(client, scene)["reads"]
    [after] = claim(client, scene)["reads"]  # the page was loaded again
    url = f"{API}/reads/{after['id']}/release"
    assert post(client, url, {"lease_until": before["lease_until"]}).status_code == 204
    assert Read.objects.get().state == ReadState.LEASED
    assert post(client, url, {"lease_until": after["lease_until"]}).status_code == 204
    assert Read.objects.get().state == ReadState.OPEN


def test_a_release_that_names_no_lease_gives_back_and_nonsense_is_refused():
    scene = Scene(1)
    client = client_of(scene.reader)
    [read] = claim(client, scene)["reads"]
    url = f"{API}/reads/{read['id']}/release"
    assert post(client, url, {"lease_until": "soon"}).status_code == 422
    assert post(client, url).status_code == 204
    assert Read.objects.get().state == ReadState.OPEN
