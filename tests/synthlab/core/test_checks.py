"""A bad configuration is found before it can lose anything."""

import copy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection

from synthlab.core import checks
from synthlab.core.invariants import find_violations, invariant, invariant_names
from synthlab.core.models import Job
from tests.support.soundness import core_violations


def ids(messages: list[Any]) -> set[str]:
    return {message.id for message in messages}


def queue(settings: Any, **changes: Any) -> None:
    settings.Q_CLUSTER = {**copy.deepcopy(django_settings.Q_CLUSTER), **changes}


def test_our_own_configuration_is_sound() -> None:
    assert checks.check_queue(None) == []
    assert checks.check_lease(None) == []
    assert checks.check_folders(None) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"timeout": None},
        {"timeout": 900, "retry": 900},
        {"retry": 60},
        {"ALT_CLUSTERS": {"long": {"timeout": 86_400, "retry": 60}}},
        {"ALT_CLUSTERS": {"long": {"timeout": 86_400}}},
    ],
)
def test_a_queue_that_redelivers_too_early(settings: Any, changes: dict[str, Any]) -> None:
    queue(settings, **changes)
    assert ids(checks.check_queue(None)) == {"synthlab.E001"}


@pytest.mark.parametrize("changes", [{"orm": None}, {"redis": {"host": "x"}}, {"broker_class": "x.Y"}])
def test_a_queue_elsewhere(settings: Any, changes: dict[str, Any]) -> None:
    queue(settings, **changes)
    assert ids(checks.check_queue(None)) == {"synthlab.E002"}


def test_a_lease_shorter_than_its_renewals(settings: Any) -> None:
    settings.JOB_LEASE_SECONDS = 20
    assert ids(checks.check_lease(None)) == {"synthlab.E007"}


def test_a_secret_that_others_can_read(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    assert ids(checks.check_secret_files(None)) == {"synthlab.E003"}
    secret.chmod(0o600)
    assert checks.check_secret_files(None) == []


def test_a_folder_that_cannot_be_made(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    assert ids(checks.check_folders(None)) == {"synthlab.E004"}


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="about SQLite")
def test_an_unsafe_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_sqlite(None, databases=["default"]) == []
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", "DEFERRED")
    assert ids(checks.check_sqlite(None, databases=["default"])) == {"synthlab.E005"}


@pytest.mark.django_db
@pytest.mark.both_databases
def test_a_missing_trigger() -> None:
    assert checks.check_audit_triggers(None, databases=["default"]) == []
    with connection.cursor() as cursor:
        table = " ON core_auditevent" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_event_no_delete{table}")
    assert ids(checks.check_audit_triggers(None, databases=["default"])) == {"synthlab.E006"}
    assert [str(one) for one in core_violations()] == [
        "the database refuses to change the audit: audit_event_no_delete"
    ]


@pytest.mark.django_db
def test_check_tells_what_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    Job.objects.create(kind="x", lane="short", state="succeeded", finished_at="2026-01-01T00:00:00Z")
    with pytest.raises(SystemExit) as ended:
        call_command("check_data", quick=True)
    assert ended.value.code == 1
    assert "BROKEN  a job has begun before it ended" in capsys.readouterr().out


def test_names_are_taken_once() -> None:
    @invariant("a test promise")
    def finder() -> list[str]:
        return ["here"]

    try:
        assert [str(one) for one in find_violations(["a test promise"])] == ["a test promise: here"]
        with pytest.raises(ValueError, match="two invariants"):
            invariant("a test promise")(lambda: [])
    finally:
        from synthlab.core import invariants

        del invariants._finders["a test promise"]
    assert "a test promise" not in invariant_names()
