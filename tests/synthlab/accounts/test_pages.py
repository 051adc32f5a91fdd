"""People, profile, home, jobs, audit and documentation pages."""

import re
from html.parser import HTMLParser
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from synthlab.accounts.models import ApiToken, User
from synthlab.core.models import Job, JobState
from tests.factories import PASSWORD, make_admin, make_clinician, make_scientist, make_user

pytestmark = pytest.mark.django_db


def page(user=None, **options):
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


class InlineFinder(HTMLParser):
    """Collects what a strict content policy would block."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.in_script = False

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not names.get("src")):
            self.found.append(f"<{tag}>")


def plain_pages(user):
    job = Job.objects.create(kind="demo_job", requested_by=user, log_tail="a line", progress_total=4)
    return [
        reverse("home"),
        reverse("jobs"),
        reverse("job", args=[job.pk]),
        reverse("docs"),
        reverse("profile"),
        reverse("account_change_password"),
        reverse("mfa_index"),
        reverse("account_logout"),
        "/accounts/login/",
        "/accounts/inactive/",
        "/accounts/signup/",
        "/accounts/invitation/",
        "/accounts/reauthenticate/",
        "/no/such/page",
        "/api/v1/docs/",
    ]


def test_every_page_is_free_of_inline_code_and_carries_the_policy():
    admin = make_admin()
    client = page(admin)
    urls = [*plain_pages(admin), reverse("people"), reverse("person", args=[admin.pk]), reverse("audit")]
    for signed_in in (client, Client()):
        for url in urls:
            response = signed_in.get(url)
            assert response.status_code < 500, url
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, url
            assert "unsafe" not in policy, url
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert response.headers["X-Request-ID"]
            if response.headers["Content-Type"].startswith("text/html"):
                finder = InlineFinder()
                finder.feed(response.content.decode())
                assert finder.found == [], url


def test_pages_answer_with_what_they_are_for():
    admin = make_admin(display_name="Ada Admin")
    client = page(admin)
    assert "Ada Admin" in client.get(reverse("home")).content.decode()
    for url in plain_pages(admin)[:8]:
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize(
    "name", ["home", "jobs", "profile", "people", "audit", "mfa_index", "account_change_password"]
)
def test_anonymous_visitors_are_sent_to_the_login(name):
    response = Client().get(reverse(name))
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("make", [make_scientist, make_clinician])
def test_people_pages_are_for_admins(make):
    user = make()
    client = page(user)
    assert client.get(reverse("people")).status_code == 403
    assert client.get(reverse("person", args=[user.pk])).status_code == 403
    assert client.post(reverse("person-action", args=[user.pk, "role"]), {"role": "admin"}).status_code == 403
    assert client.get(reverse("audit")).status_code == 404
    user.refresh_from_db()
    assert not user.is_admin


def test_an_admin_invites_and_the_link_sets_the_password():
    client = page(make_admin())
    response = client.post(
        reverse("people"), {"username": "grace", "display_name": "Grace", "role": "scientist"}
    )
    html = response.content.decode()
    token = re.findall(r"/accounts/invitation/#([\w-]+)", html)[0]
    assert User.objects.get(username="grace").is_scientist
    assert token not in client.get(reverse("people")).content.decode()

    guest = Client()
    form = {"token": token, "password": PASSWORD, "again": "something else"}
    assert guest.post(reverse("invitation"), form).status_code == 422
    form = {"token": token, "password": "password1234", "again": "password1234"}
    weak = guest.post(reverse("invitation"), form)
    assert weak.status_code == 422
    assert "too common" in weak.content.decode()
    form = {"token": token, "password": PASSWORD, "again": PASSWORD}
    assert guest.post(reverse("invitation"), form).status_code == 302
    assert guest.post(reverse("invitation"), form).status_code == 422
    assert guest.post("/accounts/login/", {"login": "grace", "password": PASSWORD}).status_code == 302
    assert guest.get(reverse("home")).status_code == 200


def test_a_name_that_differs_by_case_only_is_refused_at_the_form():
    make_user(username="grace")
    response = page(make_admin()).post(reverse("people"), {"username": "GRACE", "role": "clinician"})
    assert response.status_code == 422
    assert "already" in response.content.decode()


def test_person_actions():
    admin, reader = make_admin(), make_clinician()
    client = page(admin)

    def act(action, **data):
        return client.post(reverse("person-action", args=[reader.pk, action]), data, follow=True)

    assert "scientist" in act("role", role="scientist").content.decode()
    assert "/accounts/invitation/#" in act("reset").content.decode()
    act("deactivate")
    reader.refresh_from_db()
    assert not reader.is_active
    assert "/accounts/invitation/#" in act("reactivate").content.decode()
    reader.refresh_from_db()
    assert reader.is_active
    assert client.get(reverse("person-action", args=[reader.pk, "role"])).status_code == 405


def test_the_last_admin_cannot_leave():
    admin = make_admin()
    response = page(admin).post(reverse("person-action", args=[admin.pk, "deactivate"]), follow=True)
    assert "last admin" in response.content.decode()
    admin.refresh_from_db()
    assert admin.is_active


def test_profile_saves_and_tokens_are_shown_once():
    user = make_scientist()
    client = page(user)
    assert client.post(reverse("profile"), {"display_name": "New Name"}).status_code == 302
    user.refresh_from_db()
    assert user.display_name == "New Name"

    response = client.post(reverse("profile-token-create"), {"name": "laptop", "scope": "read", "days": 7})
    secret = re.findall(r"slt_[\w-]{43}", response.content.decode())[0]
    assert secret not in client.get(reverse("profile")).content.decode()
    assert (
        client.post(reverse("profile-token-create"), {"name": "x", "scope": "read", "days": 91}).status_code
        == 422
    )
    token = ApiToken.objects.get()
    stranger = page(make_scientist())
    assert stranger.post(reverse("profile-token-revoke", args=[token.pk])).status_code == 404
    client.post(reverse("profile-token-revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_jobs_of_others_are_not_found():
    job = Job.objects.create(kind="demo_job", requested_by=make_scientist())
    assert page(make_scientist()).get(reverse("job", args=[job.pk])).status_code == 404
    assert page(make_admin()).get(reverse("job", args=[job.pk])).status_code == 200
    assert page(make_admin()).get(reverse("job", args=[uuid4()])).status_code == 404


def test_the_jobs_page_filters_by_state():
    user = make_scientist()
    Job.objects.create(kind="first_kind", requested_by=user)
    Job.objects.create(
        kind="second_kind", requested_by=user, state=JobState.CANCELLED, finished_at="2026-01-01T00:00Z"
    )
    html = page(user).get(reverse("jobs"), {"state": "cancelled"}).content.decode()
    assert "Second kind" in html
    assert "First kind" not in html
    assert page(user).get(reverse("jobs"), {"page": "9" * 30, "state": "'"}).status_code == 200


def test_forms_need_the_csrf_token():
    client = page(make_admin(), enforce_csrf_checks=True)
    response = client.post(reverse("people"), {"username": "eve", "role": "admin"})
    assert response.status_code == 403
    assert "reload the page" in response.content.decode()
    assert not User.objects.filter(username="eve").exists()


def test_docs_stay_inside_their_folder(settings, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "secret.md").write_text("# Secret")
    (tmp_path / "docs" / "index.md").write_text(
        "# Start\n\n<script>alert(1)</script>\n\n[next](how/to.md#part)"
    )
    (tmp_path / "docs" / "how").mkdir()
    (tmp_path / "docs" / "how" / "to.md").write_text("# How to\n\n| |b|\n|:-|-:|\n|1|2|\n\n```\ncode\n```\n")
    settings.DOCS_ROOT = tmp_path / "docs"
    client = Client()
    html = client.get("/docs/").content.decode()
    assert "<script>alert" not in html
    assert 'href="/docs/how/to#part"' in html
    html = client.get("/docs/how/to").content.decode()
    assert "style=" not in html
    assert '<pre tabindex="0">' in html  # whoever has no mouse scrolls it, too
    assert html.count("</th>") == 1  # a head without a word is none
    for path in ("../secret", "how/../../secret", "/etc/passwd", "how/to.md/", "%2e%2e/secret", "secret"):
        assert client.get(f"/docs/{path}").status_code == 404, path
