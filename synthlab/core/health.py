"""Whether this installation can do its work: the parts that `/readyz` looks at."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from synthlab.core.models import Job

LEAST_FREE_SHARE = 0.05


class NotReady(Exception):
    """A part is not ready; the message is fit for anybody to read."""


def check_database() -> None:
    """A query is answered.

    Raises:
        NotReady: The database does not answer.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        raise NotReady("the database does not answer") from error


def check_migrations() -> None:
    """The database has the shape that this code expects.

    Raises:
        NotReady: Migrations are missing.
    """
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise NotReady("the database does not answer") from error
    if missing:
        raise NotReady(f"{len(missing)} migrations are not applied")


def check_storage() -> None:
    """A file can be written to every root and read back.

    Raises:
        NotReady: One of them cannot be written.
    """
    for root in (settings.MEDIA_ROOT, settings.STAGING_ROOT, settings.WORK_ROOT):
        try:
            Path(root).mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".ready-", dir=root)
            os.close(descriptor)
            os.unlink(name)
        except OSError as error:
            raise NotReady(f"the {Path(root).name} folder cannot be written") from error


def check_disk() -> None:
    """At least a twentieth of the disk is free.

    Raises:
        NotReady: The disk is nearly full.
    """
    usage = shutil.disk_usage(settings.HOME)
    if usage.free < LEAST_FREE_SHARE * usage.total:
        raise NotReady(f"less than {LEAST_FREE_SHARE:.0%} of the disk is free")


def check_worker() -> None:
    """No running job has lost its worker, and none waits although it was queued long ago.

    A worker that is off looks like waiting jobs; without jobs there is nothing to see and nothing amiss.

    Raises:
        NotReady: Jobs wait or hang and nobody takes them.
    """
    waited = 4 * int(settings.JOB_LEASE_SECONDS)
    try:
        lost = Job.objects.lease_lost().count()
        busy = Job.objects.filter(state="running").count() - lost
        waiting = Job.objects.unclaimed_for(waited).count()
    except DatabaseError as error:
        raise NotReady("the database does not answer") from error
    if (waiting or lost) and not busy:
        raise NotReady(f"{waiting + lost} jobs wait and no worker takes them")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "migrations": check_migrations,
    "storage": check_storage,
    "disk": check_disk,
    "worker": check_worker,
}


def readiness() -> dict[str, str]:
    """Each part with `ok`, or why it is not."""
    states = {}
    for name, check in CHECKS.items():
        try:
            check()
        except NotReady as reason:
            states[name] = str(reason)
        else:
            states[name] = "ok"
    return states
