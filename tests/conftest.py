"""Fixtures that every part of the tests may use."""

import os
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests import databases
from tests.environment import missing
from tools.browser import find_chromium


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {databases.kind()}"


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    has_gpu = shutil.which("nvidia-smi") is not None
    on_sqlite = databases.kind() == "sqlite"
    for item in items:
        if item.get_closest_marker("gpu") and not has_gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        if item.get_closest_marker("slow_on_sqlite") and on_sqlite:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser that Playwright is to start (`executable_path`)."""
    return find_chromium() or missing(
        "chromium", "install Debian's chromium or run `playwright install chromium`"
    )


@pytest.fixture
def database_kind() -> str:
    """`sqlite` or `postgres`."""
    return databases.kind()


@pytest.fixture
def live_database_env(transactional_db: None) -> dict[str, str]:
    """The environment in which another process sees this test's database and home.

    The rows must be committed to be seen there, hence `transactional_db`. The process must have ended, or have closed
    its connections, before the test does: the tables are emptied afterwards.
    """
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "synthlab.settings",
        "DATABASE_URL": databases.url_of(connection.settings_dict),
        "SYNTHLAB_HOME": str(settings.HOME),
    }


@pytest.fixture
def live_settings_env(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that loads the product's own settings and an empty home, without our database."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return {**kept, "DJANGO_SETTINGS_MODULE": "synthlab.settings", "SYNTHLAB_HOME": str(tmp_path / "home")}
