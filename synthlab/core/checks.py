"""System checks: a bad configuration is found before it can lose anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

_OTHER_BROKERS = ("redis", "django_redis", "iron_mq", "sqs", "mongo", "broker_class")
OURS = "synthlab"
HOME_FOLDERS = (
    "MEDIA_ROOT",
    "STAGING_ROOT",
    "WORK_ROOT",
    "FEATURE_ROOT",
    "GENERATOR_ROOT",
    "WEIGHTS_ROOT",
    "LOG_ROOT",
)
AUDIT_TRIGGERS = ("audit_event_no_update", "audit_event_no_delete")


@register(OURS)
def check_queue(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E001: a queue may never redeliver while the work may still go on. E002: messages live in our database."""
    queue: dict[str, Any] = settings.Q_CLUSTER
    errors: list[CheckMessage] = []
    alternatives = queue.get("ALT_CLUSTERS", {})
    for name, own in {queue.get("name", "default"): {}, **alternatives}.items():
        lane = {**queue, **own}
        timeout, retry = lane.get("timeout"), lane.get("retry", 60)
        if not timeout or retry <= timeout:
            errors.append(
                Error(
                    f"The queue {name!r} would start a job again while it runs "
                    f"(timeout {timeout}, retry {retry}).",
                    hint="Set a timeout, and a retry above it.",
                    id="synthlab.E001",
                )
            )
    if not queue.get("orm") or any(queue.get(other) for other in _OTHER_BROKERS):
        errors.append(
            Error(
                "The queue must keep its messages in the database.",
                hint='Q_CLUSTER needs "orm": "default" and no other broker: only so are a job and its message '
                "written together.",
                id="synthlab.E002",
            )
        )
    return errors


@register(OURS)
def check_lease(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E007: a lease outlives at least two missed renewals."""
    if settings.JOB_HEARTBEAT_SECONDS * 3 <= settings.JOB_LEASE_SECONDS:
        return []
    return [
        Error(
            "A job's lease must last at least three heartbeats.",
            hint="Raise SYNTHLAB_JOB_LEASE_SECONDS or lower SYNTHLAB_JOB_HEARTBEAT_SECONDS.",
            id="synthlab.E007",
        )
    ]


@register(OURS, Tags.security)
def check_secret_files(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E003: secrets are readable by their owner only."""
    return [
        Error(
            f"The secret file {path.name} can be read by others.",
            hint="chmod 600",
            id="synthlab.E003",
        )
        for path in (settings.HOME / "secret", settings.HOME / "model-service-secret")
        if path.exists() and path.stat().st_mode & 0o077
    ]


@register(OURS, Tags.files)
def check_folders(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E004: we can write where files go."""
    return [
        Error(
            f"The folder for {name} cannot be written.",
            hint="Check SYNTHLAB_HOME and who owns it.",
            id="synthlab.E004",
        )
        for name in HOME_FOLDERS
        if not _writable(Path(getattr(settings, name)))
    ]


@register(Tags.database)
def check_sqlite(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """E005: SQLite keeps what it acknowledged, and writers wait in line."""
    errors: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "sqlite":
            continue
        if connection.settings_dict["OPTIONS"].get("transaction_mode") != "IMMEDIATE":
            errors.append(_sqlite_error("transactions must begin IMMEDIATE"))
        errors.extend(map(_sqlite_error, _bad_pragmas(connection)))
    return errors


@register(Tags.database)
def check_audit_triggers(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """E006: the database itself refuses to change the audit."""
    return [
        Error(
            f"The trigger {name} is missing: the audit could be changed unseen.",
            hint="Run synthlab migrate; if it stays away, restore from a backup and look who removed it.",
            id="synthlab.E006",
        )
        for alias in databases or ()
        for name in missing_audit_triggers(alias)
    ]


def missing_audit_triggers(alias: str = "default") -> list[str]:
    """Those of the audit's triggers that the database does not have; none before the first migration."""
    connection = connections[alias]
    if "core_auditevent" not in connection.introspection.table_names():
        return []
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in AUDIT_TRIGGERS if name not in present]


def _bad_pragmas(connection: Any) -> Iterator[str]:
    wanted = {"journal_mode": ("wal", "memory"), "synchronous": (2, 3), "foreign_keys": (1,)}
    with connection.cursor() as cursor:
        for pragma, good in wanted.items():
            cursor.execute(f"PRAGMA {pragma}")
            (value,) = cursor.fetchone()
            if value not in good:
                yield f"{pragma} is {value}"


def _sqlite_error(detail: str) -> Error:
    return Error(f"SQLite is not set up safely: {detail}.", id="synthlab.E005")


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
