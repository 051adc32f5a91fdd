"""Fixtures that every part of the tests may use."""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests import databases


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {databases.kind()}"


@pytest.fixture
def database_kind() -> str:
    """`sqlite` or `postgres`."""
    return databases.kind()


@pytest.fixture
def live_database_env(transactional_db: None) -> dict[str, str]:
    """The environment in which another process sees this test's database and home.

    The rows must be committed to be seen there, hence `transactional_db`.
    """
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "synthlab.settings",
        "DATABASE_URL": databases.url_of(connection.settings_dict),
        "SYNTHLAB_HOME": str(settings.SYNTHLAB_HOME),
    }


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent
