"""Every API error is a problem document with a code and the id that finds the log line."""

import json

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from rest_framework.test import APIClient

from synthlab.core.api.errors import PROBLEM_TYPE
from tests.factories import client_of, make_admin, make_scientist, token_client

pytestmark = pytest.mark.django_db


def assert_problem(response, status, code):
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == PROBLEM_TYPE
    body = json.loads(response.content)
    assert body["status"] == status
    assert body["code"] == code
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert body["type"].endswith(f"#{code}")
    assert "Traceback" not in response.content.decode()
    return body


def test_anonymous_gets_401_with_a_challenge():
    response = APIClient().get("/api/v1/me")
    assert_problem(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_unknown_path_method_type_and_format():
    client = client_of(make_scientist())
    assert_problem(client.get("/api/v1/no-such-thing"), 404, "not_found")
    assert_problem(Client().get("/api/v1/no-such-thing"), 404, "not_found")
    assert_problem(client.delete("/api/v1/me"), 405, "method_not_allowed")
    assert_problem(
        client.post("/api/v1/tokens", "name=x", content_type="application/x-www-form-urlencoded"),
        415,
        "unsupported_media_type",
    )
    assert_problem(client.get("/api/v1/me", HTTP_ACCEPT="text/html"), 406, "not_acceptable")
    assert_problem(client.get("/api/v1/jobs/00000000-0000-4000-8000-000000000000"), 404, "not_found")
    assert_problem(client.get("/api/v1/jobs/1"), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"name": NaN}',
        b'{"name": "\\u0000"}',
        b'{"name": "\\ud800"}',
        b'{"name": 1' + b"0" * 5000 + b"}",
        b"[" * 200_000,
    ],
    ids=["cut", "list", "null", "text", "bytes", "nan", "nul", "surrogate", "long-number", "deep"],
)
def test_broken_bodies_are_refused(body):
    client = client_of(make_scientist())
    response = client.generic("POST", "/api/v1/tokens", body, content_type="application/json")
    assert_problem(response, 400, "parse_error")


def test_field_errors_have_paths():
    client = client_of(make_admin())
    body = assert_problem(
        client.post("/api/v1/users/invite", {"role": "queen"}, format="json"), 422, "invalid_input"
    )
    assert {(error["field"], error["code"]) for error in body["errors"]} == {
        ("username", "required"),
        ("role", "invalid_choice"),
    }


def test_nested_field_errors_have_paths():
    client = client_of(make_scientist())
    etag = client.get("/api/v1/me").headers["ETag"]
    response = client.patch(
        "/api/v1/me",
        {"preferences": {"theme": "pink"}},
        format="json",
        HTTP_IF_MATCH=etag,
    )
    body = assert_problem(response, 422, "invalid_input")
    assert {error["field"] for error in body["errors"]} == {"preferences.theme"}


@pytest.mark.parametrize(
    "query",
    [
        "user__password__startswith=a",
        "requested_by__password__startswith=a",
        "payload__secret=1",
        "ordering=-requested_by.password",
        "state.__class__=a",
        "state=no-such-state",
        "parent=not-a-uuid",
        "page_size=0",
        "page_size=many",
        "page_size=-1",
        "cursor=!!!",
        "offset=1000000000",
    ],
)
def test_queries_take_declared_parameters_only(query):
    response = client_of(make_admin()).get(f"/api/v1/jobs?{query}")
    assert response.status_code == 400
    assert response.json()["code"] in {"invalid_query", "invalid_cursor"}


def test_ten_thousand_parameters_are_refused():
    response = client_of(make_admin()).get("/api/v1/jobs?" + "&".join(f"a{n}=1" for n in range(10_000)))
    assert_problem(response, 400, "bad_request")


def test_a_body_beyond_the_limit_is_not_read(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    client = client_of(make_scientist())
    response = client.generic(
        "POST", "/api/v1/tokens", '{"name": "' + "x" * 1000 + '"}', content_type="application/json"
    )
    assert_problem(response, 413, "body_too_large")


def test_the_unexpected_tells_its_id_and_nothing_else(monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr("synthlab.accounts.api.me.MeSerializer", fail)
    client = client_of(make_scientist())
    client.raise_request_exception = False
    body = assert_problem(client.get("/api/v1/me"), 500, "server_error")
    assert "hunter2" not in json.dumps(body)
    failed = [
        record for record in caplog.records if record.exc_info and body["request_id"] in str(record.__dict__)
    ]
    assert failed, "the id must find the log line with the traceback"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OperationalError("database is locked"), "database_busy"),
        (OperationalError("the connection is closed"), "database_unavailable"),
        (InterfaceError("connection already closed"), "database_unavailable"),
    ],
)
def test_a_database_that_fails_asks_to_come_back(monkeypatch, error, code):
    def fail(*args, **kwargs):
        raise error

    client = client_of(make_scientist())
    monkeypatch.setattr("synthlab.accounts.api.me.MeSerializer", fail)
    response = client.get("/api/v1/me")
    assert_problem(response, 503, code)
    assert response.headers["Retry-After"]
    # Outside the API, and before a view is reached.
    monkeypatch.setattr("django.contrib.sessions.backends.base.SessionBase._get_session", fail)
    client.raise_request_exception = False
    page = client.get("/")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "send the same request again" in page.content.decode().lower()


def test_a_fault_of_a_statement_does_not_pass(monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("no such column: nothing")

    monkeypatch.setattr("synthlab.accounts.api.me.MeSerializer", fail)
    client = client_of(make_scientist())
    client.raise_request_exception = False
    assert_problem(client.get("/api/v1/me"), 500, "server_error")


def test_too_many_requests(monkeypatch):
    monkeypatch.setattr("rest_framework.settings.api_settings.DEFAULT_THROTTLE_RATES", {"person": "3/day"})
    client = token_client(make_scientist())
    assert [client.get("/api/v1/me").status_code for _ in range(3)] == [200, 200, 200]
    response = client.get("/api/v1/me")
    assert_problem(response, 429, "throttled")
    assert int(response.headers["Retry-After"]) > 0
    assert client_of(make_scientist()).get("/api/v1/me").status_code == 200


def test_error_pages_of_the_site_have_no_stack(monkeypatch):
    client = Client(raise_request_exception=False)
    client.force_login(make_scientist())

    def fail(user):
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr("synthlab.core.views.home_cards", fail)
    response = client.get("/")
    assert response.status_code == 500
    html = response.content.decode()
    assert "hunter2" not in html
    assert response.headers["X-Request-ID"] in html
    assert client.get("/no/such/page").status_code == 404
    assert Client().get("/", headers={"host": "evil.example"}).status_code == 400
