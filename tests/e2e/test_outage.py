"""The database goes for a while, and a line for ten minutes: what a reader answered meanwhile arrives, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import expect
from psycopg import sql

from annotation.models import Read, ReadState
from tests import databases
from tests.e2e.scenery import NORMAL, STROMA, OpenStudy
from tests.e2e.test_offline import start

pytestmark = pytest.mark.both_databases


@contextmanager
def outage() -> Iterator[None]:
    """PostgreSQL ends every connection and takes no new one; SQLite is locked by another process's transaction."""
    name = str(connection.settings_dict["NAME"])
    connection.close()
    if databases.kind() == "sqlite":
        with closing(sqlite3.connect(name, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")
        return
    with psycopg.connect(databases.postgres_url(), autocommit=True) as server:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        server.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            server.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


# Ending the connections of a server that other tests share belongs into the slow suite.
SHARED = [pytest.mark.slow] if databases.kind() == "postgres" else []


@pytest.mark.parametrize("seconds", [pytest.param(2, marks=SHARED), pytest.param(30, marks=pytest.mark.slow)])
def test_an_answer_given_while_the_database_is_away_is_kept_and_arrives_once(
    scene: OpenStudy, visit, seconds
):
    bench = start(scene, visit)
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("status of 503")
    visitor.expect_broken("^503 ")
    page.wait_for_load_state("networkidle")
    with outage():
        visitor.press("4", "Enter")
        bench.wait_for_toast("Submitted: Normal")
        bench.wait_for_image()
        visitor.press("3", "Enter")
        expect(bench.saved).to_contain_text("2 waiting")
        page.wait_for_timeout(seconds * 1000)
        expect(bench.saved).to_contain_text("waiting")
    bench.wait_until_saved()
    assert [answer.classes for answer in scene.answers()] == [[NORMAL], [STROMA]]


def test_ten_minutes_offline_outlast_the_lease_and_lose_nothing(scene: OpenStudy, visit):
    visitor = visit()
    visitor.context.clock.install()
    bench = start(scene, lambda: visitor)
    page = bench.page
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED")
    page.wait_for_load_state("networkidle")
    visitor.context.set_offline(True)
    visitor.press("4", "Enter")
    bench.wait_for_toast("Submitted: Normal")
    page.clock.fast_forward("10:00")
    held = Read.objects.filter(reader=scene.reader, state=ReadState.LEASED)
    assert held.update(lease_until=timezone.now() - timedelta(minutes=5)) > 0
    expect(bench.saved).to_contain_text("1 waiting")
    visitor.context.set_offline(False)
    bench.wait_until_saved()
    assert [answer.classes for answer in scene.answers()] == [[NORMAL]]
