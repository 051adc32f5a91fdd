"""Every route × method × role answers as the committed table says; and the table itself obeys the rules of the house."""

import logging
import os

import pytest
from django.db import transaction

from tests.api import status_table
from tests.api.status_table import ROLES, STRANGERS
from tests.api.world import World, walk_routes

WRITING = bool(os.environ.get(status_table.WRITE_VARIABLE))
ROUTES = sorted(walk_routes())
SECTIONS = sorted(
    {"/".join(route.split("/")[:3]) if route.startswith("api/") else route.split("/")[0] for route in ROUTES}
)

NONE = (405,) * len(ROLES)  # a method that the route does not have

# Pages and endpoints that answer without a login.
PUBLIC = {
    "livez", "readyz", "docs/", "docs/<path:path>", "accounts/login/", "accounts/invitation/", "accounts/inactive/",
    "accounts/signup/",
}  # fmt: skip
# What strangers may see although it has an id: colleagues, and the shared vocabulary.
SHARED = {
    "api/v1/users/<uuid:pk>", "api/v1/label-schemas/<uuid:pk>", "api/v1/gate-policies/<uuid:pk>",
    "gate-policies/<uuid:pk>/",
}  # fmt: skip


def section_of(route: str) -> str:
    return "/".join(route.split("/")[:3]) if route.startswith("api/") else route.split("/")[0]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    logging.disable(logging.ERROR)
    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def seen():
    """What this run observed, written at its end when asked to."""
    table: status_table.Table = {}
    yield table
    if WRITING:
        assert status_table.server_errors(table) == [], "mend these first; nothing was written"
        status_table.save({route: rows for route, rows in table.items() if rows})


@pytest.mark.django_db
@pytest.mark.parametrize("section", SECTIONS)
def test_routes_answer_as_the_table_says(section, world, seen):
    expected = {} if WRITING else status_table.load()
    differences = []
    for route in (route for route in ROUTES if section_of(route) == section):
        seen[route] = status_table.observe(world, route)
        if not WRITING and route not in expected:
            differences.append(
                f"{route}: no row in {status_table.PATH.name}; propose one with --write and read it"
            )
        for method in status_table.METHODS:
            wanted = expected.get(route, {}).get(method, NONE)
            got = seen[route].get(method, NONE)
            if not WRITING and got != wanted:
                differences += [
                    f"{method} {route} as {role}: expected {want}, got {have}"
                    for role, want, have in zip(ROLES, wanted, got, strict=True)
                    if want != have
                ]
    assert not differences, "\n".join(differences)


@pytest.mark.skipif(WRITING, reason="the table is being written")
def test_every_row_belongs_to_a_route():
    assert sorted(set(status_table.load()) - set(ROUTES)) == []


@pytest.mark.skipif(WRITING, reason="the table is being written")
@pytest.mark.parametrize("route", sorted(status_table.load()))
def test_the_table_obeys_the_rules(route):
    for method, row in status_table.load()[route].items():
        answers = dict(zip(ROLES, row, strict=True))
        assert max(row) < 500, f"{method} {route}"
        if route.startswith("api/"):
            assert answers["anonymous"] == 401, f"{method} {route}: anonymous callers get 401"
        elif route not in PUBLIC:
            assert answers["anonymous"] in {302, 404, 405}, (
                f"{method} {route}: anonymous visitors go to the login"
            )
        if "<uuid:" in route and route not in SHARED:
            for role in STRANGERS:
                assert answers[role] in {403, 404, 405}, f"{method} {route}: {role} is a stranger"
                if method == "GET" and not route.startswith("people/"):
                    assert answers[role] == 404, f"{method} {route}: not yours is 404"
