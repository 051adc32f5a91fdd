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
from tests.e2e.server import APPLICATION

pytestmark = pytest.mark.both_databases


@contextmanager
def outage() -> Iterator[None]:
    """PostgreSQL ends the web server's connections and takes no new one; SQLite is locked by another's transaction."""
    name = str(connection.settings_dict["NAME"])
    if databases.kind() == "sqlite":
        connection.close()
        with closing(sqlite3.connect(name, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")
        return
    # This test's own connection stays: the tests after it go on with it.
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE (datname, application_name) = (%s, %s)"
    )
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(databases.postgres_url(), autocommit=True) as server:
        server.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            assert server.execute(end, [name, APPLICATION]).fetchall()
            yield
        finally:
            server.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_an_answer_given_while_the_database_is_away_is_kept_and_arrives_once(
    scene: OpenStudy, visit, seconds
):
    bench = scene.sit_down(visit())
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
    bench = scene.sit_down(visitor)
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
