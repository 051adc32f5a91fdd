"""The client's calls about snapshots, answered by the real API in this process."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from rest_framework.test import APIClient

from annotation.models import Snapshot
from evaluation.models import Evaluation, GatePolicy
from evaluation.services.gating import default_policy
from generation.models import Batch
from synthlab.client import Client, InvalidInput
from tests.annotation.factories import GLAND, Scene
from tests.factories import make_token

pytestmark = pytest.mark.django_db


def client_of(scene: Scene) -> Client:
    """A client whose line is Django's own test client."""
    door = APIClient()

    def answer(request: httpx.Request) -> httpx.Response:
        headers: dict[str, Any] = {
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in request.headers.items()
            if name not in {"content-type", "content-length", "host"}
        }
        told = door.generic(
            request.method, request.url.raw_path.decode(), request.content.decode(), content_type="application/json",
            secure=True, **headers,
        )  # fmt: skip
        return httpx.Response(told.status_code, content=told.content, headers=dict(told.headers))

    _, token = make_token(scene.manager, scope="write")
    return Client("https://testserver", token, transport=httpx.MockTransport(answer))


@pytest.fixture
def scene() -> Scene:
    made = Scene(8, approval_policy="as_read", sample_share=0.0)
    made.answer_all(GLAND)
    return made


def test_what_is_previewed_is_what_is_frozen(scene: Scene):
    wishes: dict[str, Any] = {
        "study": scene.study.pk,
        "filters": {"classes": ["gland"]},
        "splits": {"seed": 3, "shares": {"train": 0.5, "test": 0.5}},
    }
    with client_of(scene) as client:
        preview = client.preview_snapshot(**wishes)
        assert preview["images"] == 8
        assert not Snapshot.objects.exists()
        frozen = client.freeze(name="First", **wishes)
        assert [row.id for row in client.snapshots(study=scene.study.pk)] == [frozen.id]
        assert client.snapshot(frozen.id) == frozen
    assert (frozen.item_count, frozen.is_signed, frozen.is_held) == (8, False, False)
    assert frozen.facts["splits"]["images"] == {"train": 4, "test": 4}
    assert {row["name"]: row["images"] for row in preview["splits"]} == {"train": 4, "test": 4}
    assert json.dumps(frozen.filters) == '{"classes": ["gland"]}'


def test_what_was_accepted_is_measured_and_a_policy_can_be_chosen(scene: Scene):
    policy = GatePolicy.objects.create(name="Strict", version=1, thresholds=default_policy().thresholds)
    batch = Batch.objects.get()
    with client_of(scene) as client:
        accepted = client.evaluate_accepted(scene.study.pk)
        chosen = client.start_evaluation(batch.pk, policy=policy.pk)
        assert [row.id for row in client.evaluations()] == [chosen.id, accepted.id]
    assert Evaluation.objects.get(pk=chosen.id).policy == policy
    assert Evaluation.objects.get(pk=accepted.id).image_set.image_count == 8


def test_a_filter_that_is_unknown_is_a_problem(scene: Scene):
    with client_of(scene) as client, pytest.raises(InvalidInput, match="colour"):
        client.preview_snapshot(study=scene.study.pk, filters={"colour": "red"})
