"""What cannot be done is refused in words, with a stable code, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from generation.models import BatchState, Dataset, GeneratorState, Training
from synthlab.core.models import AuditEvent, Job
from tests.factories import make_inactive
from tests.generation.cast import Cast
from tests.generation.factories import make_batch, make_generator

HUGE = 10**400


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert body["detail"]
    assert body["request_id"]
    return body


@pytest.fixture(autouse=True)
def nothing_changes(cast: Cast) -> Iterator[None]:
    """Whatever a service makes has a job or an audit event; what a test's factories make has neither."""

    def everything() -> tuple[int, ...]:
        return tuple(model._default_manager.count() for model in (Dataset, Training, Job, AuditEvent))

    before = everything()
    yield
    assert everything() == before


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"count": 0}, "bad_count"),
        ({"count": -3}, "bad_count"),
        ({"count": 10**9}, "bad_count"),
        ({"count": HUGE}, "bad_count"),
        ({"count": "many"}, "invalid_input"),
        ({"count": 1.5}, "invalid_input"),
        ({"count": None}, "invalid_input"),
        ({"seed": -1}, "bad_seed"),
        ({"seed": 2**63}, "bad_seed"),
        ({"truncation": 0}, "bad_truncation"),
        ({"truncation": 1.01}, "bad_truncation"),
        ({"truncation": "nan"}, "invalid_input"),
        ({"truncation": HUGE}, "invalid_input"),
        ({"truncation": True}, "invalid_input"),
        ({"class_mix": {"wolf": 1}}, "unknown_class"),
        ({"class_mix": {"gland": 0.5}}, "bad_class_mix"),
        ({"class_mix": {"gland": 0.7, "stroma": 0.7}}, "bad_class_mix"),
        ({"class_mix": {"gland": -1, "stroma": 2}}, "bad_class_mix"),
        ({"class_mix": {"gland": "nan"}}, "invalid_input"),
        ({"class_mix": {"gland": "inf"}}, "invalid_input"),
        ({"class_mix": ["gland"]}, "invalid_input"),
        ({"clas_mix": {"gland": 1}}, "invalid_input"),
        ({"generator": "mine"}, "invalid_input"),
    ],
)
def test_batches(cast: Cast, wish: dict[str, Any], code: str) -> None:
    generator = make_generator(dataset=cast.dataset, classes=("gland", "stroma"))
    body = {"generator": str(generator.pk), "count": 10, "seed": 1, **wish}
    refused(cast.client("owner").post("/api/v1/batches", body, format="json"), 422, code)


def test_a_spent_quota_and_a_broken_key(cast: Cast, settings: Any) -> None:
    settings.IMAGES_PER_DAY = 9
    generator = make_generator(dataset=cast.dataset)
    body = {"generator": str(generator.pk), "count": 10, "seed": 1}
    client = cast.client("owner")
    assert refused(client.post("/api/v1/batches", body, format="json"), 422, "batch_quota")["left"] == 9
    for key in ("short", "with space in it"):
        answer = client.post("/api/v1/batches", body, format="json", HTTP_IDEMPOTENCY_KEY=key)
        refused(answer, 422, "idempotency_key_malformed")


def test_states_that_do_not_fit(cast: Cast) -> None:
    client = cast.client("owner")
    retired = make_generator(dataset=cast.dataset, state=GeneratorState.RETIRED)
    wish = {"generator": str(retired.pk), "count": 10, "seed": 1}
    refused(client.post("/api/v1/batches", wish, format="json"), 409, "generator_retired")
    refused(client.post(f"/api/v1/generators/{retired.pk}/retire"), 409, "generator_retired")
    done = make_batch(generator=retired)
    refused(client.post(f"/api/v1/batches/{done.pk}/cancel"), 409, "batch_not_running")
    waiting = make_batch(generator=retired, state=BatchState.QUEUED)
    refused(client.get(f"/api/v1/batches/{waiting.pk}/archive"), 409, "batch_not_finished")


@pytest.mark.parametrize("url", ["datasets", "trainings", "generators", "batches", "images"])
@pytest.mark.parametrize("name", ["", "/file"])
def test_ids_that_lead_nowhere(cast: Cast, url: str, name: str) -> None:
    client = cast.client("owner")
    for pk in (uuid4(), "1", "..%2f..%2fetc", cast.dataset.owner_id):
        response = client.get(f"/api/v1/{url}/{pk}{name}")
        refused(response, 404, "not_found")


def test_someone_elses_ids(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset)
    outsider = cast.client("outsider")
    wish = {"generator": str(generator.pk), "count": 10, "seed": 1}
    refused(outsider.post("/api/v1/batches", wish, format="json"), 404, "not_found")
    refused(
        outsider.post("/api/v1/trainings", {"dataset": str(cast.dataset.pk)}, format="json"), 404, "not_found"
    )


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"preset": "eternal"}, "bad_config"),
        ({"preset": ["quick"]}, "bad_config"),
        ({"architecture": "transformer"}, "bad_config"),
        ({"steps": -1}, "bad_config"),
        ({"steps": "many"}, "bad_config"),
        ({"steps": HUGE}, "bad_config"),
        ({"g_lr": HUGE}, "bad_config"),
        ({"image_size": 128}, "bad_config"),
        ({"channels": 1}, "bad_config"),
        ({"augment": [["symmetry"]]}, "bad_config"),
        ({"augment": ["sharpen"]}, "bad_config"),
        ({"batch_size": 5}, "bad_config"),
        ({"learning_rate": 1}, "bad_config"),
        ("quick", "invalid_input"),
    ],
)
def test_trainings(cast: Cast, config: Any, code: str) -> None:
    body = {"dataset": str(cast.dataset.pk), "config": config}
    refused(cast.client("owner").post("/api/v1/trainings", body, format="json"), 422, code)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "x", "symmetries": "mirror"}, "symmetries"),
        ({"name": ["x"]}, "name"),
    ],
)
def test_data_sets(cast: Cast, body: dict[str, Any], field: str) -> None:
    answer = refused(cast.client("owner").post("/api/v1/datasets", body, format="json"), 422, "invalid_input")
    assert answer["errors"][0]["field"] == field


def test_members(cast: Cast) -> None:
    url = f"/api/v1/datasets/{cast.dataset.pk}/members"
    owner = cast.client("owner")
    for user in (uuid4(), make_inactive().pk, "me"):
        refused(owner.post(url, {"user": str(user)}, format="json"), 422, "invalid_input")
    clinician = {"user": str(cast.user("clinician").pk), "role": "member"}
    refused(owner.post(url, clinician, format="json"), 422, "members_are_scientists")
    refused(owner.post(url, {**clinician, "role": "owner"}, format="json"), 422, "invalid_input")


def test_a_candidates_limit(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset)
    body = {"generator": str(generator.pk), "count": 2001, "seed": 1}
    refused(cast.client("member").post("/api/v1/batches", body, format="json"), 422, "candidate_limit")


def test_unknown_filters_and_cursors(cast: Cast) -> None:
    client = cast.client("owner")
    refused(client.get("/api/v1/batches?owner=me"), 400, "invalid_query")
    refused(client.get("/api/v1/batches?state=perhaps"), 400, "invalid_query")
    refused(client.get("/api/v1/datasets?cursor=forged"), 400, "invalid_cursor")
