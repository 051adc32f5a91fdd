"""Sessions: rotated at login, ended by idleness, age, password change and reset; guessing is slowed; CSRF is enforced."""

import time
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings as django_settings
from django.contrib.auth import hashers
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from synthlab.accounts.models import ApiToken
from synthlab.accounts.services import people
from tests.factories import PASSWORD, client_of, make_admin, make_clinician, make_scientist, token_client

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def _fresh_counts():
    cache.clear()


def log_in(user, client=None, password=PASSWORD):
    client = client or Client()
    response = client.post(LOGIN, {"login": user.username, "password": password})
    assert response.status_code == 302, response.content
    return client


def session_key(client):
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


def test_the_session_is_a_new_one_after_login():
    user, client = make_clinician(), Client()
    client.get(LOGIN)
    session = client.session
    session["planted"] = "by an attacker"
    session.save()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    log_in(user, client)
    assert session_key(client) != str(session.session_key)
    thief = Client()
    thief.cookies[django_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    assert thief.get(ME).status_code == 401


def test_cookies_are_out_of_reach():
    client = log_in(make_clinician())
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_logout_ends_the_session_on_the_server():
    client = log_in(make_clinician())
    key = session_key(client)
    assert client.get(reverse("account_logout")).status_code == 200
    assert client.get(ME).status_code == 200, "a link alone must not log anybody out"
    client.post(reverse("account_logout"))
    replay = Client()
    replay.cookies[django_settings.SESSION_COOKIE_NAME] = key
    assert replay.get(ME).status_code == 401


def test_an_idle_session_ends(monkeypatch):
    client = log_in(make_clinician())
    assert client.get(ME).status_code == 200
    now = time.time()
    monkeypatch.setattr(
        "synthlab.core.middleware.time.time", lambda: now + django_settings.SESSION_IDLE_SECONDS - 5
    )
    assert client.get(ME).status_code == 200
    monkeypatch.setattr(
        "synthlab.core.middleware.time.time", lambda: now + 2 * django_settings.SESSION_IDLE_SECONDS - 10
    )
    assert client.get(ME).status_code == 200, "use keeps it alive"
    monkeypatch.setattr(
        "synthlab.core.middleware.time.time", lambda: now + 4 * django_settings.SESSION_IDLE_SECONDS
    )
    assert client.get(ME).status_code == 401
    assert client.get(ME).status_code == 401


def test_a_page_that_polls_by_itself_counts_as_idle(monkeypatch):
    client = log_in(make_clinician())
    client.get(ME)
    now = time.time()
    status = 0
    for minutes in range(0, 40, 5):
        monkeypatch.setattr("synthlab.core.middleware.time.time", lambda now=now, m=minutes: now + m * 60)
        status = client.get("/api/v1/jobs/00000000-0000-4000-8000-000000000000").status_code
    assert status == 401


def test_a_busy_session_ends_after_twelve_hours(monkeypatch):
    client = log_in(make_clinician())
    start = time.time()
    statuses = []
    for quarter in range(4 * 13):
        monkeypatch.setattr("synthlab.core.middleware.time.time", lambda q=quarter: start + q * 900)
        statuses.append(client.get(ME).status_code)
    assert statuses[: 4 * 12] == [200] * 48
    assert statuses[-1] == 401


def test_a_password_change_ends_all_sessions():
    user = make_clinician()
    here, there = log_in(user), log_in(user)
    response = here.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": "another good phrase", "password2": "another good phrase"},
    )
    assert response.status_code == 302, response.content
    assert here.get(ME).status_code == 401
    assert there.get(ME).status_code == 401
    log_in(user, password="another good phrase")


def test_a_reset_ends_parallel_sessions_and_the_old_password():
    user = make_clinician()
    client = log_in(user)
    link = people.reset_password_link(actor=make_admin(), user=user)
    assert client.get(ME).status_code == 200
    newer = people.reset_password_link(actor=make_admin(), user=user)
    form = {"password": "another good phrase", "again": "another good phrase"}
    assert Client().post(reverse("invitation"), {**form, "token": link.token}).status_code == 422
    assert Client().post(reverse("invitation"), {**form, "token": newer.token}).status_code == 302
    assert client.get(ME).status_code == 401
    assert Client().post(LOGIN, {"login": user.username, "password": PASSWORD}).status_code == 200


def test_guessing_is_stopped_after_a_few_tries(monkeypatch):
    user = make_clinician()
    checked = mock.Mock(side_effect=hashers.check_password)
    monkeypatch.setattr("django.contrib.auth.base_user.check_password", checked)
    for number in range(40):
        Client().post(LOGIN, {"login": user.username, "password": f"guess {number}"})
    assert checked.call_count <= 10
    locked = Client()
    response = locked.post(LOGIN, {"login": user.username, "password": PASSWORD})
    assert response.status_code in {200, 429}
    assert locked.get(ME).status_code == 401


def test_an_unknown_name_costs_as_much_as_a_known_one(monkeypatch):
    user = make_clinician()
    hashed = mock.Mock(side_effect=hashers.MD5PasswordHasher.encode, autospec=True)
    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", lambda self, *args: hashed(self, *args))
    Client().post(LOGIN, {"login": user.username, "password": "wrong one"})
    known = hashed.call_count
    Client().post(LOGIN, {"login": "nobody-of-this-name", "password": "wrong one"})
    assert known > 0
    assert hashed.call_count == 2 * known


def test_nobody_signs_up():
    client = Client()
    assert client.get("/accounts/signup/").status_code == 403
    assert client.post("/accounts/signup/", {"username": "eve", "password1": PASSWORD}).status_code == 405
    for path in ("password/reset/", "email/", "login/code/", "social/"):
        assert client.get(f"/accounts/{path}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/v1/tokens"),
        ("delete", "/api/v1/tokens/{token}"),
        ("patch", "/api/v1/me"),
        ("post", "/api/v1/users/invite"),
        ("post", "/api/v1/users/{user}/deactivate"),
        ("post", "/api/v1/users/{user}/reset"),
        ("post", "/api/v1/users/{user}/role"),
    ],
)
def test_a_session_needs_the_csrf_token_on_every_change(method, path):
    admin, other = make_admin(), make_scientist()
    token_client(other)
    token = ApiToken.objects.get()
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin)
    url = path.format(token=token.pk, user=other.pk)
    response = getattr(client, method)(url, {"role": "admin"}, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    foreign = getattr(client, method)(
        url, {"role": "admin"}, format="json", HTTP_ORIGIN="https://evil.example"
    )
    assert foreign.status_code == 403
    other.refresh_from_db()
    token.refresh_from_db()
    assert (other.role, other.is_active, token.revoked_at) == ("scientist", True, None)


def test_a_session_with_the_csrf_token_may():
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(make_scientist())
    client.get("/profile/")
    csrf = client.cookies["csrftoken"].value
    response = client.post("/api/v1/tokens", {"name": "x"}, format="json", HTTP_X_CSRFTOKEN=csrf)
    assert response.status_code == 201


def test_other_origins_are_told_nothing():
    response = client_of(make_scientist()).get(ME, HTTP_ORIGIN="https://evil.example")
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]
    preflight = Client().options("/api/v1/tokens", HTTP_ORIGIN="https://evil.example")
    assert not [name for name in preflight.headers if name.lower().startswith("access-control-")]


def test_a_second_factor_is_asked_for_and_its_secret_is_sealed():
    user = make_clinician()
    client = log_in(user)
    assert client.get(reverse("mfa_index")).status_code == 200
    assert client.get(reverse("mfa_activate_totp")).status_code == 302, (
        "the password is asked for again first"
    )
    assert client.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302
    page = client.get(reverse("mfa_activate_totp"))
    assert page.status_code == 200
    assert "data:image/svg+xml" in page.content.decode()
    secret = client.session["mfa.totp.secret"]

    def code():
        return totp.format_hotp_value(
            totp.hotp_value(secret, totp.yield_hotp_counters_from_time().__next__())
        )

    assert client.post(reverse("mfa_activate_totp"), {"code": code()}).status_code == 302
    assert secret not in str(list(Authenticator.objects.values()))
    for name in ("mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_deactivate_totp"):
        assert client.get(reverse(name)).status_code == 200, name

    fresh = log_in(user)
    assert fresh.get(ME).status_code == 401, "the password alone is not enough"
    assert fresh.get(reverse("mfa_authenticate")).status_code == 200
    assert fresh.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    assert fresh.get(ME).status_code == 401
    cache.clear()  # the code of this half minute was used above
    assert fresh.post(reverse("mfa_authenticate"), {"code": code()}).status_code == 302
    assert fresh.get(ME).status_code == 200


def test_nothing_that_a_person_sees_stays_in_a_shared_browser():
    client = log_in(make_clinician())
    for path in (reverse("home"), reverse("jobs"), reverse("study-pages"), "/api/v1/studies", "/nowhere/"):
        assert client.get(path)["Cache-Control"] == "private, no-store", path
    assert client.get(ME)["Cache-Control"] == "private, no-cache", "with an ETag, and asked again each time"
    assert "Cache-Control" not in Client().get("/livez")
