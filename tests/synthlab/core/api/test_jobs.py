"""`jobs` and `audit-events` over REST."""

from datetime import timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from synthlab.core.audit import record_event
from synthlab.core.models import Job, JobState
from synthlab.core.scopes import AUDIT_SCOPES
from tests.factories import client_of, make_admin, make_clinician, make_scientist

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def make_job(user, **fields):
    return Job.objects.create(kind="demo_job", requested_by=user, **fields)


def running(user, **fields):
    now = timezone.now()
    return make_job(
        user, state=JobState.RUNNING, lease_until=now + timedelta(minutes=1), heartbeat_at=now, **fields
    )


def test_people_see_their_own_jobs_and_admins_all():
    mine, other = make_scientist(), make_scientist()
    job = make_job(mine)
    make_job(other)
    rows = client_of(mine).get("/api/v1/jobs").json()["results"]
    assert [row["id"] for row in rows] == [str(job.pk)]
    assert "log_tail" not in rows[0]
    assert "payload" not in rows[0]
    assert len(client_of(make_admin()).get("/api/v1/jobs").json()["results"]) == 2
    for method in ("get", "post"):
        url = f"/api/v1/jobs/{job.pk}" + ("/cancel" if method == "post" else "")
        assert getattr(client_of(other), method)(url).status_code == 404


def test_polling_costs_nothing_while_nothing_changes():
    user = make_scientist()
    job = make_job(user, log_tail="one line")
    client = client_of(user)
    response = client.get(f"/api/v1/jobs/{job.pk}")
    assert response.json()["log_tail"] == "one line"
    assert response.headers["Retry-After"]
    etag = response.headers["ETag"]
    again = client.get(f"/api/v1/jobs/{job.pk}", HTTP_IF_NONE_MATCH=etag)
    assert (again.status_code, again.content) == (304, b"")
    Job.objects.filter(pk=job.pk).update(phase="training")
    assert client.get(f"/api/v1/jobs/{job.pk}", HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_the_eta_follows_the_pace_of_this_attempt_in_this_phase():
    user, now = make_scientist(), timezone.now()
    job = running(user, started_at=now - timedelta(days=1), progress_done=50, progress_total=100)

    def eta(**fields):
        Job.objects.filter(pk=job.pk).update(**fields)
        return client_of(user).get(f"/api/v1/jobs/{job.pk}").json()["eta_seconds"]

    assert eta() is None  # this attempt has told nothing yet
    assert eta(paced_at=now - timedelta(seconds=30), paced_done=50) is None
    assert eta(progress_done=75) == 30
    assert eta(heartbeat_at=now + timedelta(seconds=30)) == 60  # it lives, and does not come forward
    assert eta(paced_at=now + timedelta(seconds=29)) is None
    ended = {"state": JobState.SUCCEEDED, "finished_at": now, "lease_until": None}
    assert eta(paced_at=now - timedelta(seconds=30), **ended) is None


def test_cancelling():
    user = make_scientist()
    client = client_of(user)
    queued, busy = make_job(user), running(user)
    response = client.post(f"/api/v1/jobs/{queued.pk}/cancel")
    assert (response.status_code, response.json()["state"]) == (202, "cancelled")
    response = client.post(f"/api/v1/jobs/{busy.pk}/cancel")
    assert response.status_code == 202
    assert response.json()["cancel_requested"] is True
    again = client.post(f"/api/v1/jobs/{queued.pk}/cancel")
    assert again.status_code in {202, 409}


def test_filters():
    user = make_scientist()
    parent = make_job(user)
    make_job(user, parent=parent)
    client = client_of(user)
    assert len(client.get(f"/api/v1/jobs?parent={parent.pk}").json()["results"]) == 1
    assert len(client.get("/api/v1/jobs?state=queued&kind=demo_job").json()["results"]) == 2


def test_the_audit_is_for_admins_and_whom_an_app_lets_in(monkeypatch):
    admin, manager = make_admin(), make_clinician()
    record_event(chain="site", actor=admin, action="a.site", target=admin)
    record_event(chain="study:1", actor=admin, action="a.study", target=manager)
    url = "/api/v1/audit-events"
    assert [row["action"] for row in client_of(admin).get(url).json()["results"]] == ["a.study", "a.site"]
    assert client_of(admin).get(f"{url}?chain=site").json()["results"][0]["actor"] == str(admin.pk)
    assert client_of(manager).get(url).json()["results"] == []

    monkeypatch.setattr(AUDIT_SCOPES, "_scopes", [])
    AUDIT_SCOPES.register(lambda user: Q(chain="study:1") if user == manager else Q(pk__in=[]))
    assert [row["action"] for row in client_of(manager).get(url).json()["results"]] == ["a.study"]
    assert client_of(make_clinician()).get(url).json()["results"] == []
