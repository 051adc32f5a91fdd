"""A verb of a pure package for who has no job: a person at a terminal, the command that makes the demo generator.

The same child as a worker's (`generation.child`), in a process of its own that ends when this one does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from generation.child import STATUS_BAD_INPUT, BadInput

Message = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent


class ChildFailed(Exception):
    """The child ended without an answer; the words say how."""


def run_verb(
    package: str,
    verb: str,
    work: Path,
    spec: Mapping[str, Any],
    *,
    on_message: Callable[[Message], None] = lambda message: None,
) -> Message:
    """Run `python -m package verb` to its end and return its result.

    Args:
        package: whose ``__main__`` knows the verb.
        verb: what it shall do.
        work: the only folder that the child writes to; made where it is missing. Its log stays there.
        spec: JSON; paths absolute.
        on_message: called with every message of the child, in the order they come.

    Raises:
        BadInput: the child said why the work cannot be done.
        ChildFailed: it ended without an answer.
    """
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{verb}.spec.json"
    path.write_text(json.dumps({**spec, "work": str(work)}), encoding="utf-8")
    command = [sys.executable, "-m", package, verb, str(path)]
    last: Message = {}
    with (
        (work / "child.log").open("w+b") as log,
        # The pipe is what ties the child's life to ours, however that ends.
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as child,
    ):
        for line in child.stdout or ():
            last = json.loads(line)
            on_message(last)
        status = child.wait()
        log.seek(0)
        told = log.read().decode(errors="replace").strip().splitlines()
    if status == STATUS_BAD_INPUT and last.get("type") == "error":
        raise BadInput(last["code"], last["detail"])
    if status != 0 or last.get("type") != "result":
        raise ChildFailed(f"the process ended with status {status}: {told[-1] if told else 'without a word'}")
    return last
