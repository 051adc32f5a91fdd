"""``python -m generation.ingest ingest SPEC.json``: the ingest in a process of its own, held to its limits."""

from __future__ import annotations

from typing import Any

from generation.child import Reporter, child_main


def _confined_ingest(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    from generation.ingest.limits import confine_process, parse_limits
    from generation.ingest.run import ingest

    # Before any byte of the upload is looked at.
    confine_process(parse_limits(spec.get("limits")))
    return ingest(spec, reporter)


# Imported inside the verb: until `child_main` has tied this process to its parent, it would outlive it.
if __name__ == "__main__":
    child_main({"ingest": _confined_ingest})
