"""A page that is left gives back what nobody has touched, and sends what was said in one request, in its order."""

from __future__ import annotations

import uuid

import pytest

from annotation.api import answers
from annotation.models import Annotation, Read, ReadState
from annotation.services import reading
from synthlab.core.api import idempotency
from synthlab.core.exceptions import Conflict, Unavailable
from tests.annotation.calls import API, claim, post, submit
from tests.annotation.factories import LABELLED, Scene
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


def said(read, kind="submit", body=LABELLED, **other):
    return {
        "read": read["id"], "kind": kind, "rev": read["rev"], "key": str(uuid.uuid4()), "body": body, **other,
    }  # fmt: skip


def leave(client, *entries):
    response = post(client, f"{API}/reads/leaving", {"entries": list(entries)})
    assert response.status_code == 200, response.content
    return [(row["status"], row["code"]) for row in response.json()]


def given():
    rows = Annotation.objects.filter(is_final=True).order_by("read__submitted_at")
    return [str(row.read_id) for row in rows]


def test_what_was_said_is_taken_in_its_order_each_as_if_it_had_been_sent_alone():
    scene = Scene(3)
    client = client_of(scene.reader)
    first, second, third = claim(client, scene, 3)["reads"]
    entries = [
        said(second),
        said(first),
        said(third, "draft", {**LABELLED, "comment": "not done"}),
    ]
    assert leave(client, *entries) == [(200, "")] * 3
    assert given() == [second["id"], first["id"]]
    kept = reading.newest_draft(Read.objects.get(pk=third["id"]), scene.reader)
    assert kept is not None
    assert kept["comment"] == "not done"
    # the page that follows sends the same again, one by one or as it leaves too
    again = submit(client, second, LABELLED, Idempotency_Key=entries[0]["key"])
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert leave(client, *entries[:2]) == [(200, "")] * 2
    assert len(given()) == 2


def test_a_skip_puts_aside():
    scene = Scene(1)
    client = client_of(scene.reader)
    [read] = claim(client, scene)["reads"]
    assert leave(client, said(read, "skip", {"kind": "later"})) == [(200, "")]
    assert Read.objects.get().state != ReadState.LEASED


def test_what_is_refused_does_not_hold_up_the_others():
    scene = Scene(2)
    client = client_of(scene.reader)
    first, second = claim(client, scene, 2)["reads"]
    taken = leave(
        client,
        said({**first, "id": str(uuid.uuid4())}),
        said(first, body={**LABELLED, "classes": ["no such class"]}),
        said(first, rev=first["rev"] + 7),
        said(first, "skip", {"kind": "never"}),
        said(first, key="short"),
        said(second),
    )
    assert [status for status, _ in taken] == [404, 422, 412, 422, 422, 200]
    assert all(code for status, code in taken if status != 200)
    assert given() == [second["id"]]


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (Conflict("idempotency_in_flight", "Still at work."), (409, "idempotency_in_flight")),
        (Unavailable("database_away", "Gone."), (503, "database_away")),
    ],
)
def test_what_may_be_taken_later_holds_up_the_rest(monkeypatch, refusal, told):
    scene = Scene(2)
    client = client_of(scene.reader)
    entries = [said(read) for read in claim(client, scene, 2)["reads"]]
    real = idempotency.answer_once

    def answer_once(wish, key, answer, **options):
        if key == entries[0]["key"]:
            raise refusal
        return real(wish, key, answer, **options)

    monkeypatch.setattr(answers, "answer_once", answer_once)
    assert leave(client, *entries) == [told]
    assert given() == []


def test_nobody_sends_for_another_person():
    scene = Scene(1)
    [read] = claim(client_of(scene.reader), scene)["reads"]
    assert leave(client_of(scene.second), said(read)) == [(404, "not_found")]
    assert given() == []


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [{}],
        [{"read": "x"}],
        "all",
        [said({"id": str(uuid.uuid4()), "rev": 1})] * (answers.MAX_ENTRIES + 1),
    ],
)
def test_nonsense_is_refused_whole(entries):
    scene = Scene(1)
    response = post(client_of(scene.reader), f"{API}/reads/leaving", {"entries": entries})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
