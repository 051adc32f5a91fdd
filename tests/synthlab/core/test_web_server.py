"""How gunicorn serves us."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator

import pytest

from synthlab.core import web_server

Config = importlib.import_module("gunicorn.config").Config  # it comes without types


@pytest.fixture
def thawed() -> Iterator[None]:
    """The tests' own process is left as it was."""
    yield
    gc.unfreeze()


def test_what_is_loaded_when_a_process_begins_is_not_collected_again(thawed: None) -> None:
    config = Config()
    config.set("post_worker_init", web_server.post_worker_init)
    config.post_worker_init(None)
    assert gc.get_freeze_count() > 50_000
    assert len(gc.get_objects()) < 5_000


@pytest.mark.parametrize(
    "name", ["wsgi_app", "worker_class", "workers", "threads", "timeout", "post_worker_init"]
)
def test_gunicorn_knows_our_settings(name: str) -> None:
    assert name in Config().settings
    Config().set(name, getattr(web_server, name))
