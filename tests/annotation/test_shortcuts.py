"""A person's own keys: checked against the table that the page itself uses, kept with the person."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from annotation.services.shortcuts import shortcuts_of
from annotation.shortcuts import ALWAYS, CHANGEABLE, FIXED, READING, faults_in, may_be_bound
from synthlab.accounts.models import User
from tests.factories import make_clinician

URL = "/api/v1/me/shortcuts"
_ROW = re.compile(
    r'^  \["(?P<id>[^"]+)", \[(?P<keys>[^\]]*"[^"]+"|"\[?\]?")\], .*?(?P<always>, ALWAYS)?\],$', re.MULTILINE
)


def _table_of_the_page() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    source = (Path(__file__).parents[2] / "static/js/view/shortcuts.js").read_text()
    return {
        row["id"]: (tuple(re.findall(r'"([^"]+)"', row["keys"])), ALWAYS if row["always"] else READING)
        for row in _ROW.finditer(source)
    }


def _client(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def test_the_table_is_that_of_the_page():
    page = _table_of_the_page()
    assert {action: page.pop(action) for action in CHANGEABLE} == CHANGEABLE
    assert {action: keys for action, (keys, _) in page.items()} == FIXED


def test_the_usual_keys_are_free_of_faults():
    assert faults_in({}) == {}
    assert faults_in({action: keys[0] for action, (keys, _) in CHANGEABLE.items()}) == {}


@pytest.mark.parametrize(
    "key", ["1", "Shift+1", "Escape", "Tab", "?", "ArrowUp", "Ctrl+S", "F5", "é", "", "a", "AB", "Shift+;"]
)
def test_keys_of_the_page_and_the_browser_are_refused(key):
    assert not may_be_bound(key)
    assert set(faults_in({"undo": key})) == {"undo"}


@pytest.mark.parametrize(
    ("bindings", "action"),
    [
        ({"undo": "X"}, "undo"),
        ({"flag": "U", "undo": "U"}, "undo"),
        ({"flag": "E"}, "flag"),
        ({"cancel": "U"}, "cancel"),
        ({"left": "U"}, "left"),
        ({"nothing": "U"}, "nothing"),
    ],
)
@pytest.mark.django_db
def test_what_cannot_be_so_is_refused_at_its_action_and_nothing_is_kept(bindings, action):
    user = make_clinician()
    client = _client(user)
    assert client.put(URL, {"keys": {"fit": "U"}}, format="json").status_code == 200
    refused = client.put(URL, {"keys": bindings}, format="json")
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_shortcuts"
    assert refused.json()["errors"][0]["field"] == f"keys.{action}"
    assert client.get(URL).json() == {"keys": {"fit": "U"}}


@pytest.mark.django_db
def test_own_keys_are_kept_with_the_person_and_reset():
    user, other = make_clinician(), make_clinician()
    client = _client(user)
    assert client.get(URL).json() == {"keys": {}}
    swapped = {"discard": "D", "tool:box": "Shift+K", "fit": "X"}
    assert client.put(URL, {"keys": swapped}, format="json").json() == {"keys": swapped}
    assert client.get("/api/v1/me").json()["preferences"] == {"keys": swapped}
    assert _client(other).get(URL).json() == {"keys": {}}
    assert client.put(URL, {"keys": {}}, format="json").json() == {"keys": {}}
    user.refresh_from_db()
    assert shortcuts_of(user) == {}


@pytest.mark.django_db
def test_another_preference_leaves_the_keys_alone_and_keys_come_in_by_one_way_only():
    client = _client(make_clinician())
    client.put(URL, {"keys": {"discard": "D"}}, format="json")
    etag = client.get("/api/v1/me")["ETag"]
    body = {"preferences": {"theme": "dark", "keys": {"discard": "1"}}}
    changed = client.patch("/api/v1/me", body, format="json", HTTP_IF_MATCH=etag)
    assert changed.json()["preferences"] == {"theme": "dark", "keys": {"discard": "D"}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body", [{}, {"keys": None}, {"keys": ["X"]}, {"keys": {"undo": None}}, {"keys": {"undo": "U" * 21}}]
)
def test_a_body_of_another_shape_is_refused(body):
    assert _client(make_clinician()).put(URL, body, format="json").status_code == 422


@pytest.mark.django_db
def test_kept_keys_that_a_later_release_does_not_take_are_left_out():
    user = make_clinician()
    user.preferences = {"keys": {"discard": "D", "action-of-old": "U"}}
    assert shortcuts_of(user) == {}
