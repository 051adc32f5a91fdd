"""Empties the tables between tests, which the audit's triggers rightly refuse."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.flush import Command as FlushCommand
from django.db import OperationalError, connections

TRIES = 10


class Command(FlushCommand):
    def handle(self, **options: Any) -> None:
        """Empty the tables, again where a live server was still answering a page that is being left.

        Such a request holds one table and wants the next, while TRUNCATE takes all of them: PostgreSQL ends one of the
        two. That the emptying waits its turn says nothing about the product.
        """
        for left in reversed(range(TRIES)):
            try:
                with triggers_suspended(options["database"]):
                    super().handle(**options)
            except CommandError as error:
                if not left or not isinstance(error.__cause__, OperationalError):
                    raise
                time.sleep(0.3)
            else:
                return


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
