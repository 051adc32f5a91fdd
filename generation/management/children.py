"""A verb of a pure package for a person at a terminal: no job, no database, the same child."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from generation import processes
from generation.child import BadInput

Event = dict[str, Any]


def run_verb(
    verb: str,
    spec: Event,
    *,
    work: Path,
    on_progress: Callable[[int, int], None],
    package: str = "generation.ml",
) -> Event:
    """Run a verb to its end and return its result.

    Args:
        verb: of the package.
        spec: JSON; paths absolute.
        work: the only folder the child writes to.
        on_progress: called with how many are done, and of how many.
        package: whose child process does it.

    Raises:
        CommandError: the child refused, or ended without an answer.
    """

    def tell(message: Event) -> None:
        if message["type"] == "progress":
            on_progress(message["done"], message["total"])

    try:
        return processes.run_verb(package, verb, work, spec, on_message=tell)
    except BadInput as refusal:
        if refusal.code == "disk_full":  # its own words promise what only a job can keep
            raise CommandError("the disk is full; nothing was left behind (disk_full)") from None
        raise CommandError(f"{refusal.detail} ({refusal.code})") from None
    except processes.ChildFailed as failure:
        raise CommandError(str(failure)) from None
