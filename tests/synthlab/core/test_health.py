"""`/livez` says that the process answers, `/readyz` whether the installation can work."""

from collections import namedtuple
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from synthlab.core.models import Job, JobState

Usage = namedtuple("Usage", "total used free")


def ready():
    response = Client().get("/readyz")
    assert response.status_code == (200 if response.json()["ready"] else 503)
    return response.json()["checks"]


def test_livez_needs_no_database():
    response = Client().get("/livez")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_all_is_well():
    assert set(ready().values()) == {"ok"}
    assert Client().post("/readyz").status_code == 405


@pytest.mark.django_db
def test_a_database_that_does_not_answer(monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError("password is hunter2")

    monkeypatch.setattr("synthlab.core.health.connection.cursor", fail)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] != "ok"
    assert "hunter2" not in response.content.decode()


@pytest.mark.django_db
def test_missing_migrations(monkeypatch):
    monkeypatch.setattr(
        "synthlab.core.health.MigrationExecutor.migration_plan", lambda self, targets: [("app", "0002")]
    )
    assert "1 migrations" in ready()["migrations"]


@pytest.mark.django_db
def test_a_full_disk(monkeypatch):
    monkeypatch.setattr("synthlab.core.health.shutil.disk_usage", lambda path: Usage(100, 96, 4))
    assert "disk" in ready()["disk"]
    monkeypatch.setattr("synthlab.core.health.shutil.disk_usage", lambda path: Usage(100, 94, 6))
    assert ready()["disk"] == "ok"


@pytest.mark.django_db
def test_storage_that_cannot_be_written(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    assert "media" in ready()["storage"]


@pytest.mark.django_db
def test_jobs_that_nobody_takes():
    job = Job.objects.create(kind="k")
    assert ready()["worker"] == "ok"
    Job.objects.filter(pk=job.pk).update(queued_at=timezone.now() - timedelta(hours=1))
    assert "no worker" in ready()["worker"]
    now = timezone.now()
    Job.objects.create(
        kind="k", state=JobState.RUNNING, lease_until=now + timedelta(minutes=1), heartbeat_at=now
    )
    assert ready()["worker"] == "ok", "a busy worker is a worker"
