"""Readers at once over HTTP, some with two tabs; tests/concurrency/test_claims_http.py has the same with forty."""

from __future__ import annotations

import pytest

from tests.annotation.factories import Scene
from tests.concurrency.checking import check_everything_is_there
from tests.concurrency.http_readers import make_clients, work_together
from tests.e2e.server import LiveWeb


@pytest.mark.both_databases
def test_eight_clients_of_five_people(transactional_db: None, web: LiveWeb):
    scene = Scene(16, files=False, reads_per_item=2, approval_policy="as_read")
    clients = make_clients(web.url, scene, people=5, tabs=8)
    work_together(clients)
    check_everything_is_there(scene, clients, web.log)
