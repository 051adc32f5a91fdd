"""Refused pictures over REST: whose they are, who may look, and that each decision is made once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from generation.models import Rejection, RejectionDecision
from synthlab.core.models import AuditEvent
from tests.factories import client_of
from tests.generation.cast import ROLES, Cast, drained
from tests.generation.factories import make_dataset
from tests.generation.rejecting import make_rejection


def url_of(rejection: Rejection, what: str = "") -> str:
    return f"/api/v1/datasets/{rejection.ingest.dataset_id}/rejections/{rejection.pk}/{what}"


def looks() -> int:
    return AuditEvent.objects.filter(action="rejected_image.viewed").count()


def test_pixels_need_the_grant_and_each_look_is_recorded(cast: Cast) -> None:
    rejection = make_rejection(cast.dataset)
    for what in ("thumbnail", "file"):
        for role in ROLES:
            before = looks()
            response = drained(cast.client(role).get(url_of(rejection, what)))
            expected = {"owner": 200, "anonymous": 401}.get(role, 404)
            assert response.status_code == expected, (role, what)
            assert looks() == before + (role == "owner")
            if role == "owner":
                assert response.headers["Cache-Control"] == "private, no-store"
                assert response.headers["Content-Type"] == "image/png"


def test_places_and_reasons_are_for_everybody_in_the_data_set_without_a_digest(cast: Cast) -> None:
    rejection = make_rejection(cast.dataset)
    make_rejection(cast.dataset, code="damaged", kept=False)
    url = f"/api/v1/datasets/{cast.dataset.pk}/rejections"
    expected = {"owner": 200, "member": 200, "viewer": 200, "anonymous": 401}
    for role in ROLES:
        assert cast.client(role).get(url).status_code == expected.get(role, 404), role
    client = cast.client("member")
    text = client.get(url).content.decode()
    assert rejection.image_digest not in text
    assert rejection.thumbnail_digest not in text
    for query, count in (
        ("?code=damaged", 1), ("?code=blank", 1), ("?decision=confirmed", 0), (f"?ingest={rejection.ingest_id}", 2),
    ):  # fmt: skip
        assert len(client.get(url + query).json()["results"]) == count, query
    assert client.get(url + "?candidate__group_key=x").status_code == 400
    one = next(row for row in client.get(url).json()["results"] if row["id"] == str(rejection.pk))
    assert (one["has_thumbnail"], one["is_overrulable"], one["decision"]) == (True, True, "")


def test_only_the_owner_decides(cast: Cast) -> None:
    expected = {"member": 403, "viewer": 403, "anonymous": 401}
    rejection = make_rejection(cast.dataset)
    for role in ROLES[1:]:
        for what in ("overrule", "confirm"):
            assert cast.client(role).post(url_of(rejection, what)).status_code == expected.get(role, 404), (
                role
            )
        url = f"/api/v1/datasets/{cast.dataset.pk}/rejections/confirm"
        answer = cast.client(role).post(url, {"expected": 1}, format="json")
        assert answer.status_code == expected.get(role, 404), role
    assert cast.client("owner").post(url_of(rejection, "overrule")).status_code == 201


@pytest.mark.django_db
def test_a_refusal_of_another_data_set_is_not_there() -> None:
    mine, theirs = make_dataset(per_split=4), make_dataset(per_split=4)
    rejection = make_rejection(theirs)
    client = client_of(mine.owner)
    base = f"/api/v1/datasets/{mine.pk}/rejections"
    for what in ("thumbnail", "file"):
        assert client.get(f"{base}/{rejection.pk}/{what}").status_code == 404
    for what in ("overrule", "confirm"):
        assert client.post(f"{base}/{rejection.pk}/{what}").status_code == 404
    body = {"expected": 1, "ingest": str(rejection.ingest_id)}
    assert client.post(f"{base}/confirm", body, format="json").status_code == 404


@pytest.mark.django_db
def test_after_a_decision_there_is_nothing_to_look_at() -> None:
    dataset = make_dataset(per_split=4)
    taken, left = make_rejection(dataset), make_rejection(dataset)
    client = client_of(dataset.owner)
    image = client.post(url_of(taken, "overrule"))
    assert (image.status_code, image.json()["split"] in ("train", "val")) == (201, True)
    assert client.post(url_of(left, "confirm")).json() == {"confirmed": 1}
    for each in (taken, left):
        response = client.get(url_of(each, "thumbnail"))
        assert (response.status_code, response.json()["code"]) == (404, "nothing_kept")
    again = client.post(url_of(left, "overrule"))
    assert (again.status_code, again.json()["code"]) == (409, "rejection_decided")


@pytest.mark.django_db
def test_all_that_remain_are_confirmed_by_their_number() -> None:
    dataset = make_dataset(per_split=4)
    for _ in range(3):
        make_rejection(dataset)
    url, client = f"/api/v1/datasets/{dataset.pk}/rejections/confirm", client_of(dataset.owner)
    wrong = client.post(url, {"expected": 2}, format="json")
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["count"]) == (409, "rejections_changed", 3)
    assert client.post(url, {"expected": 3}, format="json").json() == {"confirmed": 3}


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_many_who_decide_at_once_decides() -> None:
    dataset = make_dataset(per_split=4)
    rejection = make_rejection(dataset)
    answers: list[int] = []
    gate = threading.Barrier(6)

    def decide(what: str) -> None:
        client: Any = APIClient()
        client.force_authenticate(dataset.owner)
        gate.wait()
        try:
            answers.append(client.post(url_of(rejection, what)).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=[what]) for what in ("overrule", "confirm") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rejection.refresh_from_db()
    assert sorted(answers)[1:] == [409] * 5
    assert sorted(answers)[0] == (201 if rejection.decision == RejectionDecision.OVERRULED else 200)
    assert dataset.images.filter(ordinal=rejection.ordinal).count() == (
        rejection.decision == RejectionDecision.OVERRULED
    )


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_two_look_alikes_taken_in_at_once_never_part() -> None:
    """Each alone could go anywhere; together they must stand on one side, or one is refused."""
    dataset = make_dataset(per_split=4)
    keys = {split: dataset.groups.filter(split=split)[0].key for split in ("train", "val")}
    first = make_rejection(dataset, group_key=keys["train"])
    second = make_rejection(dataset, group_key=keys["val"], resembles=[first.image_digest])
    first.candidate["resembles"] = [second.image_digest]
    first.save()
    answers: list[int] = []

    def overrule(rejection: Rejection) -> None:
        client: Any = APIClient()
        client.force_authenticate(dataset.owner)
        try:
            answers.append(client.post(url_of(rejection, "overrule")).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=overrule, args=[each]) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409]
