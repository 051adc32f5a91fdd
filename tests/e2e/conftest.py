from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings, global_settings, settings
from django.db import connection
from playwright.sync_api import Browser, Playwright, sync_playwright

from synthlab import settings as product
from tests import databases
from tests.e2e.browsing import Visitor
from tests.e2e.scenery import OpenStudy
from tests.e2e.server import LiveWeb, product_env

# A closed network refuses what Chromium would like to look up at its start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NewVisitor = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all of these, so that there is one server and one browser."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveWeb]:
    """A real web server on the test's database, which it sees committed rows of."""
    env = product_env(databases.url_of(connection.settings_dict), settings.HOME)
    server = LiveWeb(env, tmp_path_factory.mktemp("web"))
    yield server
    server.stop()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Its event loop runs in this thread, so Django has to be told that this is no asynchronous code."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as started:
        yield started
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def visit(transactional_db: None, web: LiveWeb, browser: Browser) -> Iterator[NewVisitor]:
    """Opens browsers of several people; each is looked through at the end."""
    visitors: list[Visitor] = []

    def enter(width: int = 1440, height: int = 900) -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": height})
        visitors.append(Visitor(context, web.url))
        return visitors[-1]

    yield enter
    try:
        for visitor in visitors:
            visitor.check()
    finally:
        for visitor in visitors:
            visitor.context.close()


@pytest.fixture
def scene(transactional_db: None) -> OpenStudy:
    return OpenStudy()


@pytest.fixture
def product_hasher(settings: LazySettings) -> None:
    """The server knows the product's own ways to keep a password, not the tests' fast one."""
    settings.PASSWORD_HASHERS = getattr(product, "PASSWORD_HASHERS", global_settings.PASSWORD_HASHERS)
