"""Bearer tokens: shown once, hashed, scoped, expiring, revocable, never logged."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from synthlab.accounts.models import ApiToken
from synthlab.accounts.secrets import digest_of
from synthlab.accounts.services.people import deactivate_user
from synthlab.accounts.services.tokens import MOST_TOKENS, create_token
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.models import AuditEvent
from tests.factories import client_of, make_admin, make_scientist, make_token, token_client

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

BODY = {"name": "laptop", "scope": "write", "days": 5}


def bearer(secret):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_a_token_is_shown_once_and_stored_as_a_digest():
    user = make_scientist()
    response = client_of(user).post("/api/v1/tokens", BODY, format="json")
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    secret = response.json()["token"]
    assert secret.startswith("slt_")
    row = ApiToken.objects.get()
    assert row.digest == digest_of(secret)
    assert secret not in str(ApiToken.objects.values().get())
    for url in ("/api/v1/tokens", f"/api/v1/tokens/{row.pk}"):
        answer = client_of(user).get(url)
        assert secret not in answer.content.decode()
        assert row.digest not in answer.content.decode()
    assert bearer(secret).get("/api/v1/me").json()["id"] == str(user.pk)
    assert secret not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer slt_", "Bearer x", "Bearer slt_" + "A" * 43, "bearer slt_ü" + "A" * 42],
)
def test_bad_tokens_are_401(header):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    response = client.get("/api/v1/me")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"] == "token_invalid"


def test_a_bad_token_does_not_fall_back_to_the_session():
    client = client_of(make_scientist())
    assert client.get("/api/v1/me", HTTP_AUTHORIZATION="Bearer slt_wrong").status_code == 401


def test_expired_revoked_and_deactivated_tokens_stop_at_once():
    user = make_scientist()
    token, secret = make_token(user)
    assert bearer(secret).get("/api/v1/me").status_code == 200
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bearer(secret).get("/api/v1/me").status_code == 401

    token, secret = make_token(user)
    assert client_of(user).delete(f"/api/v1/tokens/{token.pk}").status_code == 204
    assert bearer(secret).get("/api/v1/me").status_code == 401

    token, secret = make_token(user)
    deactivate_user(actor=make_admin(), user=user)
    assert bearer(secret).get("/api/v1/me").status_code == 401


def test_a_reading_token_changes_nothing():
    user = make_scientist()
    client = token_client(user, scope="read")
    assert client.get("/api/v1/tokens").status_code == 200
    before = ApiToken.objects.count()
    for method, url in (
        ("post", "/api/v1/tokens"),
        ("patch", "/api/v1/me"),
        ("delete", f"/api/v1/tokens/{ApiToken.objects.get().pk}"),
    ):
        response = getattr(client, method)(url, BODY, format="json")
        assert (response.status_code, response.json()["code"]) == (403, "token_scope")
    assert ApiToken.objects.filter(revoked_at__isnull=True).count() == before


def test_what_a_token_makes_cannot_outlast_it():
    user = make_scientist()
    client = token_client(user, days=2)
    response = client.post("/api/v1/tokens", {**BODY, "days": 90}, format="json")
    assert response.status_code == 201
    first, second = ApiToken.objects.order_by("created_at")
    assert second.expires_at == first.expires_at


@pytest.mark.parametrize(
    "change",
    [
        {"days": 91},
        {"days": 0},
        {"days": -1},
        {"days": 10**30},
        {"scope": "admin"},
        {"name": ""},
        {"name": "x" * 81},
    ],
)
def test_bad_requests_make_nothing(change):
    response = client_of(make_scientist()).post("/api/v1/tokens", {**BODY, **change}, format="json")
    assert response.status_code == 422
    assert not ApiToken.objects.exists()


def test_the_service_refuses_what_the_form_would():
    user = make_scientist()
    with pytest.raises(InvalidInput):
        create_token(actor=user, name="x", days=91)
    with pytest.raises(InvalidInput):
        create_token(actor=user, name="x", scope="admin")
    with pytest.raises(InvalidInput):
        create_token(actor=user, name="  ")
    ApiToken.objects.bulk_create(
        ApiToken(
            user=user, name="x", prefix="slt_", digest=str(n), expires_at=timezone.now() + timedelta(days=1)
        )
        for n in range(MOST_TOKENS)
    )
    with pytest.raises(Conflict):
        create_token(actor=user, name="one too many")


def test_use_is_noted_but_not_at_every_request(django_assert_num_queries):
    token, secret = make_token(make_scientist())
    client = bearer(secret)
    client.get("/api/v1/me")
    token.refresh_from_db()
    noted = token.last_used_at
    assert noted is not None
    with django_assert_num_queries(1):
        client.get("/api/v1/me")
    token.refresh_from_db()
    assert token.last_used_at == noted


def test_tokens_of_others():
    owner, other = make_scientist(), make_scientist()
    token, _ = make_token(owner)
    url = f"/api/v1/tokens/{token.pk}"
    assert client_of(other).get(url).status_code == 404
    assert client_of(other).delete(url).status_code == 404
    assert client_of(other).get("/api/v1/tokens").json()["results"] == []
    admin = client_of(make_admin())
    assert len(admin.get(f"/api/v1/tokens?user={owner.pk}&usable=true").json()["results"]) == 1
    assert admin.delete(url).status_code == 204
    assert admin.get("/api/v1/tokens?usable=true").json()["results"] == []


def test_neither_tokens_nor_link_codes_are_logged(caplog):
    caplog.set_level("DEBUG")
    secret = make_token(make_scientist())[1]
    bearer(secret).get("/api/v1/me")
    bearer(secret + "x").get("/api/v1/me")
    response = client_of(make_admin()).post(
        "/api/v1/users/invite", {"username": "g", "role": "clinician"}, format="json"
    )
    code = response.json()["link"].partition("#")[2]
    APIClient().post("/accounts/invitation/", {"token": code, "password": "x", "again": "y"})
    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert secret not in logged
    assert code not in logged
