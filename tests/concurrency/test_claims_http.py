"""Forty readers over HTTP at a real server of two processes; tests/e2e/test_many_readers.py has the same with a few."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection

from tests import databases
from tests.annotation.factories import Scene
from tests.concurrency.checking import check_everything_is_there
from tests.concurrency.http_readers import make_clients, work_together
from tests.e2e.server import LiveWeb, product_env

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases, pytest.mark.slow]


@pytest.fixture
def server(transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveWeb]:
    env = product_env(databases.url_of(connection.settings_dict), settings.HOME)
    server = LiveWeb(env, tmp_path_factory.mktemp("web"), workers=2, has_pages=False)
    yield server
    server.stop()


def test_forty_clients_at_a_server_of_two_processes(server: LiveWeb):
    scene = Scene(600, files=False, approval_policy="as_read")
    clients = make_clients(server.url, scene, people=36, tabs=40)
    work_together(clients)
    check_everything_is_there(scene, clients, server.log)
