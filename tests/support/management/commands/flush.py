"""Empties the tables between tests, which the audit's triggers rightly refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands.flush import Command as FlushCommand
from django.db import connections


class Command(FlushCommand):
    def handle(self, **options: Any) -> None:
        with triggers_suspended(options["database"]):
            super().handle(**options)


@contextmanager
def triggers_suspended(alias: str) -> Iterator[None]:
    connection = connections[alias]
    if connection.vendor == "postgresql":
        _run(connection, ["ALTER TABLE core_auditevent DISABLE TRIGGER USER"])
        try:
            yield
        finally:
            _run(connection, ["ALTER TABLE core_auditevent ENABLE TRIGGER USER"])
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'core_auditevent'"
        )
        triggers = cursor.fetchall()
    _run(connection, [f"DROP TRIGGER {name}" for name, _ in triggers])
    try:
        yield
    finally:
        _run(connection, [sql for _, sql in triggers])


def _run(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
