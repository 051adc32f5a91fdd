"""`python -m bench`: the benchmarks of up to 5 minutes; `--full`: all, going on where an interrupted run stopped.

Both put what they find into docs/benchmarks.md; with QUICK=1 nothing is written, because quick figures are rough. With
BENCH_MINUTES=60 a benchmark of hours begins nothing new after 60 minutes, writes down what it has, and goes on next time.
"""

import argparse
import importlib
import importlib.util
import json
import pkgutil
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import bench
from bench.harness import ROOT, STORE, Bench, execute, fingerprint, is_quick
from bench.report import table, update_document

SHORT_MINUTES = 5
_BENCH = re.compile(r"^(BENCH = |from \S+ import BENCH$)", re.MULTILINE)
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def discover() -> list[Bench]:
    """Every module of this package that holds a `BENCH`, by name. Others are not imported: some need Django set up."""
    names = [info.name for info in pkgutil.iter_modules(bench.__path__) if _holds_bench(f"bench.{info.name}")]
    found: list[Bench] = [importlib.import_module(f"bench.{name}").BENCH for name in names]
    return sorted(found, key=lambda one: one.name)


def _holds_bench(module: str) -> bool:
    spec = importlib.util.find_spec(module)
    return bool(spec and spec.origin and _BENCH.search(Path(spec.origin).read_text("utf-8")))


def finished(one: Bench) -> dict[str, Any] | None:
    """The stored record of this very code, if an earlier full run got so far."""
    path = _record_path(one)
    if not path.exists():
        return None
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    record: dict[str, Any] = stored["record"]
    return record if stored["fingerprint"] == fingerprint(one) else None


def run_one(one: Bench, *, quick: bool, resume: bool) -> dict[str, Any]:
    """Runs a benchmark, or takes its finished record when a full run is resumed."""
    if resume and (record := finished(one)) is not None:
        print(f"==> {one.name}: already done for this code")
        return record
    print(f"==> {one.name}: {one.title}", flush=True)
    record = execute(one, quick=quick)
    print(table(record["columns"], record["rows"]))
    print(json.dumps(record["summary"]), flush=True)
    if not quick:
        update_document(DOCUMENT, record)
    if not quick and record["is_complete"]:
        _record_path(one).write_text(
            json.dumps({"fingerprint": fingerprint(one), "record": record}), encoding="utf-8"
        )
    return record


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="also those of more than 5 minutes; resumes")
    parser.add_argument("names", nargs="*", help="only these")
    asked = parser.parse_args(arguments)
    full = asked.full
    chosen = [
        one
        for one in discover()
        if (full or is_quick() or one.minutes <= SHORT_MINUTES) and one.name in (asked.names or [one.name])
    ]
    missed: list[str] = []
    for one in chosen:
        try:
            record = run_one(one, quick=is_quick(), resume=full and not is_quick())
        except Exception:
            traceback.print_exc()
            missed.append(f"{one.name} (broke)")
        else:
            if not record["summary"]["held"]:
                missed.append(one.name)
    print(
        f"{len(chosen)} benchmarks, {len(chosen) - len(missed)} hold their aims"
        + "".join(f"; not: {n}" for n in missed)
    )
    return 1 if missed else 0


def _record_path(one: Bench) -> Path:
    return STORE / f"{one.name}.json"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
