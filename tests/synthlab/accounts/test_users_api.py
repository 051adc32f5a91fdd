"""`users` and `me` over REST: who may do what, and what nobody can smuggle in."""

import threading

import pytest
from django.db import OperationalError, connections
from rest_framework.test import APIClient

from synthlab.accounts.models import User
from synthlab.accounts.services import people
from synthlab.core.audit import record_event, verify_chain
from synthlab.core.exceptions import Conflict, NotAllowed, NotFound
from synthlab.core.models import AuditEvent
from tests.factories import (
    PASSWORD,
    client_of,
    make_admin,
    make_clinician,
    make_inactive,
    make_scientist,
    make_token,
    make_user,
)

USERS = "/api/v1/users"

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_the_whole_way_in_by_rest():
    client = client_of(make_admin())
    response = client.post(f"{USERS}/invite", {"username": "grace", "role": "scientist"}, format="json")
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json()
    assert body["user"]["username"] == "grace"
    code = body["link"].partition("#")[2]
    form = {"token": code, "password": PASSWORD, "again": PASSWORD}
    assert APIClient().post("/accounts/invitation/", form).status_code == 302

    guest = APIClient()
    assert guest.post("/accounts/login/", {"login": "Grace", "password": PASSWORD}).status_code == 302
    assert guest.get("/api/v1/me").json()["role"] == "scientist"


def test_everybody_sees_active_colleagues_without_what_is_admins_business():
    reader, gone = make_clinician(), make_inactive()
    rows = client_of(reader).get(USERS).json()["results"]
    assert [set(row) for row in rows] == [{"id", "username", "display_name", "role"}]
    assert client_of(reader).get(f"{USERS}/{gone.pk}").status_code == 404
    admin = client_of(make_admin())
    assert admin.get(f"{USERS}/{gone.pk}").json()["is_active"] is False
    assert "password" not in admin.get(USERS).content.decode()
    assert len(admin.get(f"{USERS}?is_active=false").json()["results"]) == 1


@pytest.mark.parametrize("make", [make_scientist, make_clinician])
@pytest.mark.parametrize("action", ["deactivate", "reactivate", "reset", "role"])
def test_only_admins_manage_people(make, action):
    victim = make_user()
    response = client_of(make()).post(f"{USERS}/{victim.pk}/{action}", {"role": "admin"}, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    response = client_of(make()).post(f"{USERS}/invite", {"username": "x", "role": "admin"}, format="json")
    assert response.status_code == 403
    before = (victim.role, victim.is_active, victim.password)
    victim.refresh_from_db()
    assert before == (victim.role, victim.is_active, victim.password)


@pytest.mark.parametrize("name", ["deactivate_user", "reset_password_link", "reactivate_user"])
def test_services_check_the_actor_themselves(name):
    with pytest.raises(NotAllowed):
        getattr(people, name)(actor=make_scientist(), user=make_user())
    with pytest.raises(NotAllowed):
        people.change_role(actor=make_scientist(), user=make_user(), role="admin")
    with pytest.raises(NotAllowed):
        people.invite_user(actor=make_scientist(), username="x", role="admin")


@pytest.mark.parametrize(
    ("username", "status"),
    [("", 422), ("two words", 422), ("x" * 151, 422), ("<script>", 422), ("TAKEN", 409), ("ok", 201)],
)
def test_user_names(username, status):
    make_user(username="taken")
    response = client_of(make_admin()).post(
        f"{USERS}/invite", {"username": username, "role": "clinician"}, format="json"
    )
    assert response.status_code == status, response.content


def test_deactivation_ends_sessions_tokens_and_links_for_good():
    admin, user = make_admin(), make_scientist()
    session = client_of(user)
    link = people.reset_password_link(actor=admin, user=user)
    assert client_of(admin).post(f"{USERS}/{user.pk}/deactivate").status_code == 200
    assert session.get("/api/v1/me").status_code == 401
    guest = APIClient()
    assert guest.post("/accounts/login/", {"login": user.username, "password": PASSWORD}).status_code == 200
    assert guest.get("/api/v1/me").status_code == 401
    with pytest.raises(Exception, match="used already"):
        people.accept_invitation(token=link.token, password=PASSWORD)
    assert client_of(admin).post(f"{USERS}/{user.pk}/deactivate").status_code == 409
    assert client_of(admin).post(f"{USERS}/{user.pk}/reset").status_code == 409

    # Coming back opens nothing from before.
    fresh = client_of(admin).post(f"{USERS}/{user.pk}/reactivate").json()["link"].partition("#")[2]
    assert session.get("/api/v1/me").status_code == 401
    people.accept_invitation(token=fresh, password=PASSWORD)
    assert session.get("/api/v1/me").status_code == 401
    assert guest.post("/accounts/login/", {"login": user.username, "password": PASSWORD}).status_code == 302


def test_a_role_change_ends_sessions_and_counts_at_once():
    admin, user = make_admin(), make_clinician()
    session = client_of(user)
    response = client_of(admin).post(f"{USERS}/{user.pk}/role", {"role": "scientist"}, format="json")
    assert response.json()["role"] == "scientist"
    assert session.get("/api/v1/me").status_code == 401


def test_the_last_admin_stays():
    admin = make_admin()
    invited = make_admin()
    invited.set_unusable_password()
    invited.save()
    client = client_of(admin)
    assert client.post(f"{USERS}/{admin.pk}/deactivate").json()["code"] == "last_admin"
    assert (
        client.post(f"{USERS}/{admin.pk}/role", {"role": "clinician"}, format="json").json()["code"]
        == "last_admin"
    )
    other = make_admin()
    assert client.post(f"{USERS}/{other.pk}/deactivate").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bystanders", [0, 1])
def test_two_admins_cannot_remove_each_other_at_once(bystanders):
    first, second, *_ = [make_admin() for _ in range(2 + bystanders)]
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def remove(actor, user):
        # Each request has rows of its own, read while both were admins.
        actor, user = User.objects.get(pk=actor.pk), User.objects.get(pk=user.pk)
        barrier.wait()
        try:
            people.deactivate_user(actor=actor, user=user)
            outcomes.append("done")
        except NotAllowed as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["admins_only", "done"]
    assert User.objects.filter(role="admin", is_active=True).count() == 1 + bystanders


@pytest.mark.django_db(transaction=True)
def test_looking_after_people_and_what_else_the_audit_tells_of_do_not_block_each_other():
    admin, victims = make_admin(), [make_clinician() for _ in range(5)]
    barrier = threading.Barrier(2)
    failures: list[Exception] = []

    def repeat(step):
        barrier.wait()
        try:
            for victim in victims:
                step(victim)
        except OperationalError as error:
            failures.append(error)
        finally:
            connections.close_all()

    def tell(victim):
        record_event(chain="site", actor=admin, action="test.told", target=victim)

    def shut_out(victim):
        people.deactivate_user(actor=admin, user=victim)

    threads = [threading.Thread(target=repeat, args=[step]) for step in (tell, shut_out)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_who_was_shut_out_during_a_request_finishes_nothing():
    admin, late = make_admin(), make_admin()
    people.deactivate_user(actor=admin, user=User.objects.get(pk=late.pk))
    assert late.is_active  # as the request still has it
    with pytest.raises(NotAllowed):
        people.invite_user(actor=late, username="grace", role="admin")
    with pytest.raises(NotAllowed):
        people.change_role(actor=late, user=admin, role="clinician")
    with pytest.raises(Conflict):
        make_token(late)
    assert not late.api_tokens.exists()


@pytest.mark.django_db(transaction=True)
def test_a_link_works_once_even_in_a_race():
    link = people.invite_user(actor=make_admin(), username="grace", role="clinician")
    barrier = threading.Barrier(4)
    done: list[int] = []
    refused: list[int] = []

    def accept(number):
        barrier.wait()
        try:
            people.accept_invitation(token=link.token, password=f"{PASSWORD} {number}")
            done.append(number)
        except NotFound:
            refused.append(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=accept, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 3)
    assert User.objects.get(username="grace").check_password(f"{PASSWORD} {done[0]}")


def every_field_of_a_user():
    return {
        "id": "00000000-0000-4000-8000-000000000000",
        "password": "x",
        "last_login": "2020-01-01T00:00Z",
        "is_superuser": True,
        "is_staff": True,
        "is_active": False,
        "username": "root",
        "first_name": "x",
        "last_name": "x",
        "email": "x@example.org",
        "date_joined": "2020-01-01T00:00Z",
        "role": "admin",
        "deactivated_at": "2020-01-01T00:00Z",
        "session_epoch": 99,
        "groups": [1],
        "user_permissions": [1],
        "display_name": "The one that may change",
        "preferences": {"theme": "dark", "keys": {"submit": "s"}, "role": "admin"},
    }


def test_mass_assignment_on_me_changes_only_what_is_ones_own():
    assert {field.name for field in User._meta.get_fields() if not field.is_relation} <= set(
        every_field_of_a_user()
    )
    user = make_clinician()
    before = User.objects.filter(pk=user.pk).values().get()
    client = client_of(user)
    etag = client.get("/api/v1/me").headers["ETag"]
    before = User.objects.filter(pk=user.pk).values().get()
    response = client.patch("/api/v1/me", every_field_of_a_user(), format="json", HTTP_IF_MATCH=etag)
    assert response.status_code == 200
    after = User.objects.filter(pk=user.pk).values().get()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"display_name", "preferences"}
    assert after["preferences"] == {"theme": "dark"}


def test_mass_assignment_on_an_invitation_makes_no_more_than_a_person():
    body = {**every_field_of_a_user(), "username": "grace", "role": "clinician"}
    client_of(make_admin()).post(f"{USERS}/invite", body, format="json")
    user = User.objects.get(username="grace")
    assert (user.is_staff, user.is_superuser, user.is_active, user.session_epoch) == (False, False, True, 0)
    assert not user.has_usable_password()
    assert user.preferences == {}


def test_me_is_edited_by_version():
    client = client_of(make_clinician())
    body = {"display_name": "A"}
    assert client.patch("/api/v1/me", body, format="json").status_code == 428
    etag = client.get("/api/v1/me").headers["ETag"]
    assert client.get("/api/v1/me", HTTP_IF_NONE_MATCH=etag).status_code == 304
    first = client.patch("/api/v1/me", body, format="json", HTTP_IF_MATCH=etag)
    assert first.status_code == 200
    assert (
        client.patch("/api/v1/me", {"display_name": "B"}, format="json", HTTP_IF_MATCH=etag).status_code
        == 412
    )
    assert (
        client.patch(
            "/api/v1/me", {"display_name": "B"}, format="json", HTTP_IF_MATCH=first.headers["ETag"]
        ).status_code
        == 200
    )


def test_all_of_it_stands_in_the_audit():
    admin = make_admin()
    link = people.invite_user(actor=admin, username="grace", role="clinician", display_name="Grace H")
    people.accept_invitation(token=link.token, password=PASSWORD)
    user = people.change_role(actor=admin, user=link.user, role="scientist")
    people.deactivate_user(actor=admin, user=user)
    assert list(AuditEvent.objects.values_list("action", flat=True)) == [
        "user.invited",
        "user.password_set",
        "user.role_changed",
        "user.deactivated",
    ]
    assert "grace" not in str(list(AuditEvent.objects.values_list("facts", flat=True)))
    assert verify_chain("site").problems == ()
