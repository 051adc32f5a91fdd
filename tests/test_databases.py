"""The test databases themselves: what is tested on them must be what runs in the product."""

import subprocess
import sys

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from tests import databases

pytestmark = [pytest.mark.both_databases]

COUNT_PEOPLE = """
import django; django.setup()
from django.contrib.auth import get_user_model
print(get_user_model().objects.count())
"""


@pytest.mark.django_db
def test_the_chosen_database_is_used(database_kind):
    expected = {"sqlite": "sqlite", "postgres": "postgresql"}[database_kind]
    assert connection.vendor == expected


@pytest.mark.django_db(transaction=True)
def test_sqlite_is_a_file_in_write_ahead_mode(database_kind):
    if database_kind != "sqlite":
        pytest.skip("about SQLite")
    with connection.cursor() as cursor:
        modes = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert modes == ["wal", 2, 1]
    assert databases.session_root() in databases.sqlite_path().parents


@pytest.mark.django_db(transaction=True)
def test_another_process_sees_committed_rows(live_database_env):
    get_user_model().objects.create(username="somebody")
    command = [sys.executable, "-c", COUNT_PEOPLE]
    outcome = subprocess.run(command, env=live_database_env, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split()[-1] == "1"
