"""The same key gets the same answer; a race makes one thing; a failure keeps nothing."""

import json
import threading

import pytest
from django.db import connection, connections
from rest_framework.response import Response

from synthlab.accounts.models import ApiToken, User
from synthlab.core.api import idempotency
from synthlab.core.models import IdempotencyKey
from tests.factories import client_of, make_admin, make_scientist, token_client

KEY = "a-key-of-the-client-1"
BODY = {"name": "laptop", "scope": "read", "days": 5}


def create(client, body=None, key=KEY):
    return client.post(
        "/api/v1/tokens", BODY if body is None else body, format="json", HTTP_IDEMPOTENCY_KEY=key
    )


@pytest.mark.django_db
def test_the_second_answer_is_the_first_without_its_secret():
    client = client_of(make_scientist())
    first, second = create(client), create(client)
    assert first.status_code == second.status_code == 201
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert second.json() == {**first.json(), "token": None}
    assert ApiToken.objects.count() == 1
    stored = json.dumps(IdempotencyKey.objects.values().get(), default=str)
    assert first.json()["token"] not in stored


@pytest.mark.django_db
def test_another_body_under_the_same_key_is_refused():
    client = client_of(make_scientist())
    create(client)
    response = create(client, {**BODY, "name": "other"})
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert ApiToken.objects.count() == 1


@pytest.mark.django_db
def test_keys_belong_to_their_person():
    assert create(client_of(make_scientist())).status_code == 201
    assert create(client_of(make_scientist())).status_code == 201
    assert ApiToken.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["short", "x" * 129, "with space in it", "üml-laut-key"])
def test_malformed_keys_are_refused(key):
    response = create(client_of(make_scientist()), key=key.encode().decode("latin-1"))
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_malformed")
    assert not ApiToken.objects.exists()


@pytest.mark.django_db
def test_a_refusal_is_not_stored():
    client = client_of(make_scientist())
    assert create(client, {**BODY, "days": 0}).status_code == 422
    assert not IdempotencyKey.objects.exists()
    assert create(client).status_code == 201


@pytest.mark.django_db
def test_a_failure_after_the_work_undoes_the_work(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("power cut")

    client = client_of(make_scientist())
    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "_store", fail)
        assert create(client).status_code == 500
    assert not ApiToken.objects.exists()
    assert create(client).status_code == 201
    assert ApiToken.objects.count() == 1


@pytest.mark.django_db
def test_the_key_survives_logout_and_the_way_in():
    user = make_scientist()
    first = create(client_of(user))
    second = create(token_client(user, scope="write"))
    assert second.json()["id"] == first.json()["id"]


@pytest.mark.django_db
def test_an_invitation_is_repeated_without_its_link():
    client = client_of(make_admin())
    body = {"username": "grace", "role": "clinician"}
    answers = [
        client.post("/api/v1/users/invite", body, format="json", HTTP_IDEMPOTENCY_KEY=KEY).json()
        for _ in range(2)
    ]
    assert answers[0]["link"]
    assert answers[1]["link"] is None
    assert User.objects.filter(username="grace").count() == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_eight_at_once_make_one_thing():
    user = make_scientist()
    clients = [client_of(user) for _ in range(8)]
    barrier = threading.Barrier(8)
    statuses: list[int] = []

    def send(client):
        barrier.wait()
        try:
            statuses.append(create(client).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ApiToken.objects.count() == 1
    assert len(statuses) == 8
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert create(clients[0]).status_code == 201
    assert ApiToken.objects.count() == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_request_in_flight_is_a_conflict_on_postgresql():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer: the second request waits instead")
    user = make_scientist()
    first, second = client_of(user), client_of(user)
    inside, leave = threading.Event(), threading.Event()
    real = idempotency._store

    def slow(*args):
        inside.set()
        leave.wait(20)
        real(*args)

    def send():
        try:
            create(first)
        finally:
            connections.close_all()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idempotency, "_store", slow)
        thread = threading.Thread(target=send)
        thread.start()
        assert inside.wait(20)
        response = create(second)
        leave.set()
        thread.join()
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_in_flight")
    assert ApiToken.objects.count() == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_with_patience_the_answer_of_a_request_in_flight_is_waited_for():
    wish = idempotency.Wish(make_scientist().pk, "POST", "/api/v1/things", {})
    inside, leave = threading.Event(), threading.Event()

    def slow():
        inside.set()
        leave.wait(20)
        return Response({"made": "by the first"}, status=201)

    def send():
        try:
            idempotency.answer_once(wish, KEY, slow)
        finally:
            connections.close_all()

    def never():
        raise AssertionError("granted twice")

    thread = threading.Thread(target=send)
    thread.start()
    assert inside.wait(20)
    threading.Timer(0.3, leave.set).start()
    answer = idempotency.answer_once(wish, KEY, never, patience=20)
    thread.join()
    assert (answer.status_code, answer.data) == (201, {"made": "by the first"})
    assert answer.headers["Idempotency-Replayed"] == "true"
