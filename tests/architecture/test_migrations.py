"""Migrations are complete, linear and never tie the apps into a ring."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

OUR_APPS = ("core", "accounts", "generation", "evaluation", "annotation")


@pytest.fixture(scope="module")
def graph():
    return MigrationLoader(None).graph


@pytest.mark.django_db
def test_no_model_change_lacks_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("app", OUR_APPS)
def test_every_app_has_migrations_with_one_end(graph, app):
    assert apps.is_installed(apps.get_app_config(app).name)
    assert len(graph.leaf_nodes(app)) == 1


@pytest.mark.parametrize("app", OUR_APPS)
def test_migrations_depend_only_on_lower_apps(graph, app):
    order = {name: place for place, name in enumerate(OUR_APPS)}
    # accounts.User is what core's rows point at, so these two stand on one floor.
    floor = {**order, "core": 0, "accounts": 0}
    for key in (key for key in graph.nodes if key[0] == app):
        for parent in graph.node_map[key].parents:
            if parent.key[0] in floor:
                assert floor[parent.key[0]] <= floor[app], f"{key} depends on {parent.key}"
