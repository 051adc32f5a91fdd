"""A misbehaving laboratory and a client of it; pauses are noted and not waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from synthlab.client import Client
from tests.synthlab.client.lab import Lab, serving


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client would have waited."""
    waited: list[float] = []
    monkeypatch.setattr("synthlab.client.connection.time.sleep", waited.append)
    return waited


@pytest.fixture
def open_lab(pauses: list[float]) -> Iterator[Callable[..., tuple[Lab, Client]]]:
    with ExitStack() as stack:

        def start(count: int = 6, **options: Any) -> tuple[Lab, Client]:
            lab = Lab(count)
            url = stack.enter_context(serving(lab))
            return lab, stack.enter_context(Client(url, lab.token, **options))

        yield start
