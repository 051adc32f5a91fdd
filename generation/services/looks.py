"""How often the validation images were looked at. Evaluations look, and know of data sets, not the reverse: they register."""

from __future__ import annotations

from collections.abc import Callable

from generation.models import Dataset

Counter = Callable[[Dataset], int]
_counters: list[Counter] = []


def register_looks(counter: Counter) -> None:
    """Name who counts looks at validation images; called once, when the app is ready."""
    _counters.append(counter)


def looks_at_validation(dataset: Dataset) -> int:
    """Every number drawn from the validation images makes the next choice by them a little less independent."""
    return sum(counter(dataset) for counter in _counters)
