"""A verb of `python -m generation.ml` for a person at a terminal: no job, no database, the same child."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from generation.child import STATUS_BAD_INPUT

Event = dict[str, Any]


def run_verb(verb: str, spec: Event, *, work: Path, on_progress: Callable[[int, int], None]) -> Event:
    """Run a verb to its end and return its result.

    Args:
        verb: of `generation.ml`.
        spec: JSON; paths absolute.
        work: an existing folder, the only place the child writes to.
        on_progress: called with how many are done, and of how many.

    Raises:
        CommandError: the child refused, or ended without an answer.
    """
    path = work / f"{verb}.spec.json"
    path.write_text(json.dumps({**spec, "work": str(work)}), encoding="utf-8")
    command = [sys.executable, "-m", "generation.ml", verb, str(path)]
    last: Event = {}
    with (
        (work / "child.log").open("w+b") as log,
        # Without a pipe as its stdin the child watches nobody; Ctrl+C reaches it as it reaches us.
        subprocess.Popen(
            command, cwd=settings.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
        ) as child,
    ):
        for line in child.stdout or ():
            last = json.loads(line)
            if last["type"] == "progress":
                on_progress(last["done"], last["total"])
        status = child.wait()
        log.seek(0)
        told = log.read().decode(errors="replace").strip().splitlines()
    if status == STATUS_BAD_INPUT and last.get("type") == "error":
        raise CommandError(f"{last['detail']} ({last['code']})")
    if status != 0 or last.get("type") != "result":
        raise CommandError(
            f"the process ended with status {status}: {told[-1] if told else 'without a word'}"
        )
    return last
