"""Every endpoint of generation, asked by everybody: 404 for what is not theirs, 403 for what they only see."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from generation.models import Batch, BatchState, DatasetMember, Generator, GeneratorState, Training
from generation.services import batches, training
from synthlab.core.models import Job
from tests.factories import client_of, make_scientist
from tests.generation.cast import ROLES, Cast, drained
from tests.generation.factories import make_batch, make_dataset, make_generator

SEES = {"owner": 200, "member": 200, "viewer": 200}
USES = {"owner": 202, "member": 202, "viewer": 403}
OWNS = {"owner": 200, "member": 403, "viewer": 403}
HIDDEN = {"outsider": 404, "clinician": 404, "admin": 404, "anonymous": 401}

Ask = tuple[str, str, dict[str, Any] | None]


def look(url: str) -> Ask:
    return "get", url, None


def check(cast: Cast, ask: Callable[[], Ask], expected: dict[str, int], *, problem: bool = True) -> None:
    """Each person once, the owner last, since what the owner does may be done only once."""
    for role in reversed(ROLES):
        method, url, body = ask()
        response = drained(getattr(cast.client(role), method)(f"/api/v1/{url}", body, format="json"))
        assert response.status_code == {**HIDDEN, **expected}[role], f"{role}: {method} {url}"
        if response.status_code >= 400 and problem:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json()["code"]


def test_looking(cast: Cast) -> None:
    dataset = cast.dataset
    run = training.start_training(actor=dataset.owner, dataset=dataset, config={"preset": "quick"})
    generator = make_generator(dataset=dataset)
    batch = make_batch(generator=generator)
    image = batch.images.first()
    assert image is not None
    for url in (
        f"datasets/{dataset.pk}",
        f"datasets/{dataset.pk}/images",
        f"datasets/{dataset.pk}/ingests",
        f"datasets/{dataset.pk}/ingests/{cast.ingest.pk}",
        f"datasets/{dataset.pk}/members",
        f"trainings/{run.pk}",
        f"trainings/{run.pk}/metrics",
        f"trainings/{run.pk}/samples",
        f"generators/{generator.pk}",
        f"batches/{batch.pk}",
        f"batches/{batch.pk}/images",
        f"batches/{batch.pk}/archive",
        f"images/{image.pk}/file",
    ):
        check(cast, partial(look, url), SEES)


@pytest.mark.parametrize("name", ["datasets", "trainings", "generators", "batches"])
def test_lists_hold_what_is_ones_own(cast: Cast, name: str) -> None:
    training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config={"preset": "quick"})
    make_batch(generator=make_generator(dataset=cast.dataset))
    for role in ROLES:
        response = cast.client(role).get(f"/api/v1/{name}")
        if role == "anonymous":
            assert response.status_code == 401
            continue
        assert len(response.json()["results"]) == (1 if role in SEES else 0), role


def test_training_is_for_those_who_may_use_the_data_set(cast: Cast) -> None:
    def ask() -> Ask:
        return "post", "trainings", {"dataset": str(cast.dataset.pk), "config": {"preset": "quick"}}

    check(cast, ask, USES)
    assert Training.objects.count() == 2


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_stopping_a_training(cast: Cast, verb: str) -> None:
    def ask() -> Ask:
        run = training.start_training(
            actor=cast.dataset.owner, dataset=cast.dataset, config={"preset": "quick"}
        )
        return "post", f"trainings/{run.pk}/{verb}", None

    check(cast, ask, USES)


def test_resuming_a_training(cast: Cast) -> None:
    owner = cast.dataset.owner

    def ask() -> Ask:
        run = training.start_training(actor=owner, dataset=cast.dataset, config={"preset": "quick"})
        run = training.stop_training(actor=owner, training=run, reason="pause")
        return "post", f"trainings/{run.pk}/resume", None

    check(cast, ask, USES)


def test_asking_for_and_cancelling_batches(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset)
    check(cast, lambda: ("post", "batches", {"generator": str(generator.pk), "count": 5, "seed": 1}), USES)
    assert Batch.objects.count() == 2

    def ask() -> Ask:
        batch = batches.request_batch(actor=cast.dataset.owner, generator=generator, count=1, seed=1)
        return "post", f"batches/{batch.pk}/cancel", None

    check(cast, ask, USES)


def test_only_the_owner_retires_a_generator(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset)
    check(cast, lambda: ("post", f"generators/{generator.pk}/retire", None), OWNS)
    generator.refresh_from_db()
    assert generator.state == GeneratorState.RETIRED


def test_sampling_at_once_needs_an_approved_generator_and_the_service(cast: Cast, settings: Any) -> None:
    settings.MODEL_SERVICE_URL = "http://127.0.0.1:9"  # nobody listens there
    ask = {"count": 2, "seed": 1}
    candidate = make_generator(dataset=cast.dataset)
    check(
        cast,
        lambda: ("post", f"generators/{candidate.pk}/sample", ask),
        {"owner": 409, "member": 409, "viewer": 403},
    )
    approved = make_generator(dataset=cast.dataset, state=GeneratorState.APPROVED)
    check(
        cast,
        lambda: ("post", f"generators/{approved.pk}/sample", ask),
        {"owner": 503, "member": 503, "viewer": 403},
    )


def test_only_the_owner_adds_and_removes_people(cast: Cast) -> None:
    somebody = make_scientist()
    url = f"datasets/{cast.dataset.pk}/members"
    check(
        cast,
        lambda: ("post", url, {"user": str(somebody.pk), "view_real": True}),
        {"owner": 201, "member": 403, "viewer": 403},
    )
    member = DatasetMember.objects.get(user=somebody)
    assert member.view_real
    check(
        cast,
        lambda: ("delete", f"{url}/{member.pk}", None),
        {"owner": 204, "member": 403, "viewer": 403},
    )
    assert not DatasetMember.objects.filter(user=somebody).exists()


def test_only_the_owner_edits_and_only_the_version_they_saw(cast: Cast) -> None:
    url = f"/api/v1/datasets/{cast.dataset.pk}"
    for role in ("outsider", "clinician", "viewer", "member", "owner"):
        response = cast.client(role).patch(url, {"modality": role}, format="json", HTTP_IF_MATCH='"1"')
        expected = {"outsider": 404, "clinician": 404, "viewer": 403, "member": 403, "owner": 200}[role]
        assert response.status_code == expected, role
    owner = cast.client("owner")
    assert owner.patch(url, {"modality": "x"}, format="json").status_code == 428
    stale = owner.patch(url, {"modality": "x"}, format="json", HTTP_IF_MATCH='"1"')
    assert (stale.status_code, stale.json()["code"], stale.json()["current_rev"]) == (412, "stale_version", 2)
    make_dataset(name="taken")
    clash = owner.patch(url, {"name": "taken"}, format="json", HTTP_IF_MATCH='"2"')
    assert (clash.status_code, clash.json()["code"]) == (409, "dataset_name_taken")
    assert owner.get(url).headers["ETag"] == '"2"'


@pytest.mark.parametrize(("role", "status"), [("outsider", 201), ("clinician", 403), ("admin", 403)])
def test_scientists_make_data_sets(cast: Cast, role: str, status: int) -> None:
    response = cast.client(role).post("/api/v1/datasets", {"name": "mine"}, format="json")
    assert response.status_code == status


def test_another_data_sets_member_is_not_found_here(cast: Cast) -> None:
    other = make_dataset()
    foreign = other.members.get()
    response = cast.client("owner").delete(f"/api/v1/datasets/{cast.dataset.pk}/members/{foreign.pk}")
    assert response.status_code == 404
    assert other.members.count() == 1


def test_a_double_click_makes_one_batch(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset)
    client = cast.client("owner")
    body = {"generator": str(generator.pk), "count": 3, "seed": 1}
    first, second = (
        client.post("/api/v1/batches", body, format="json", HTTP_IDEMPOTENCY_KEY="click-click")
        for _ in range(2)
    )
    assert first.json() == second.json()
    assert first.headers["Location"] == second.headers["Location"]
    assert (Batch.objects.count(), Job.objects.count()) == (1, 1)
    assert (first.json()["state"], first.json()["image_count"]) == (BatchState.QUEUED, 0)


def test_a_new_scientist_sees_nothing_of_others(cast: Cast) -> None:
    make_generator(dataset=cast.dataset)
    assert Generator.objects.count() == 1
    assert client_of(make_scientist()).get("/api/v1/generators").json()["results"] == []
