"""``python -m generation.ingest ingest SPEC.json``: the ingest in a process of its own, held to its limits."""

from __future__ import annotations

import sys
from typing import Any

from generation.child import Reporter, child_main


def _confined_ingest(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    from generation.ingest.confine import confine_process
    from generation.ingest.limits import parse_limits

    # Before any byte of the upload is looked at.
    if not confine_process(parse_limits(spec.get("limits"))):
        sys.stderr.write("This machine has no filter of system calls; the file readers run without it.\n")
    from generation.ingest.run import ingest

    return ingest(spec, reporter)


# Imported inside the verb: until `child_main` has tied this process to its parent, it would outlive it.
if __name__ == "__main__":
    child_main({"ingest": _confined_ingest})
