"""What every benchmark shares: alternating contenders, aims as ratios, a table, one JSON line.

A benchmark module holds `BENCH = Bench(...)` and ends with `raise SystemExit(run_alone(BENCH))`. Its `measure`
function gets a `Run` and returns a `Result`. Contenders are timed in turns within one run, so that whatever else the
machine does meets all of them alike; the ratio of two medians is what an aim is about.
"""

import hashlib
import json
import math
import os
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.machine import describe_machine

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / "var" / "bench"
_WRITING = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Aim:
    """A ratio that must come out at least, or at most, so large."""

    ratio: str
    at_least: float | None = None
    at_most: float | None = None

    def is_held(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def as_json(self) -> dict[str, float]:
        bounds = {"at_least": self.at_least, "at_most": self.at_most}
        return {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run found: ratios by name, a table, and what a reader must know besides."""

    ratios: Mapping[str, float]
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int]]
    notes: Sequence[str] = ()
    is_complete: bool = True


class OutOfTimeError(Exception):
    """The minutes that `BENCH_MINUTES` gave are over; what was measured is kept."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a benchmark is told: whether it must be quick, and where finished cells of a long run are kept."""

    quick: bool
    cells: Path
    deadline: float = math.inf  # of `time.monotonic`: no cell is begun after it

    def cell(self, key: str, measure: Callable[[], Any]) -> Any:
        """The JSON value of one finished part; measured only if no earlier, interrupted run has it.

        Raises:
            OutOfTimeError: it would have to be measured, and the time is over.
        """
        known = _read_json(self.cells)
        if key in known:
            return known[key]
        if time.monotonic() > self.deadline:
            raise OutOfTimeError
        value = measure()
        with _WRITING:  # cells may be measured side by side
            _write_json(self.cells, {**_read_json(self.cells), key: value})
        return value


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One benchmark: its aims, the function that measures, and the files (patterns) whose change voids a result."""

    name: str
    title: str
    minutes: float
    aims: Sequence[Aim]
    measure: Callable[[Run], Result]
    sources: Sequence[str] = field(default_factory=tuple)
    quick_seconds: int = 50  # within which `QUICK=1` must end


def alternate(
    contenders: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Wall-clock seconds of each contender, round by round in turns; every second round runs backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(warm_up):
        for run in contenders.values():
            run()
    for number in range(rounds):
        order = list(contenders.items())
        for name, run in order if number % 2 == 0 else reversed(order):
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def timing_rows(seconds: Mapping[str, Sequence[float]]) -> list[list[str | float]]:
    """Rows for the columns contender, median, fastest, slowest in seconds."""
    return [[name, statistics.median(times), min(times), max(times)] for name, times in seconds.items()]


def execute(bench: Bench, *, quick: bool) -> dict[str, Any]:
    """Runs a benchmark and returns its record: the JSON summary plus the table and the time it took."""
    STORE.mkdir(parents=True, exist_ok=True)
    cells = STORE / f"{bench.name}.{'quick' if quick else fingerprint(bench)[:16]}.cells.json"
    if quick:
        cells.unlink(missing_ok=True)
    started = time.perf_counter()
    minutes = float(os.environ.get("BENCH_MINUTES") or math.inf)
    result = bench.measure(Run(quick=quick, cells=cells, deadline=time.monotonic() + minutes * 60))
    if result.is_complete:
        cells.unlink(missing_ok=True)
    return {
        "summary": summarise(bench, result.ratios),
        "title": bench.title,
        "quick": quick,
        "is_complete": result.is_complete,
        "seconds": round(time.perf_counter() - started, 1),
        "columns": list(result.columns),
        "rows": [list(row) for row in result.rows],
        "notes": list(result.notes),
    }


def summarise(bench: Bench, ratios: Mapping[str, float]) -> dict[str, Any]:
    """The last line of a run. `held` speaks only of the aims that this run measured, and of at least one."""
    measured = [aim for aim in bench.aims if aim.ratio in ratios]
    return {
        "bench": bench.name,
        "machine": describe_machine(),
        "ratios": {name: _rounded(value) for name, value in ratios.items()},
        "aims": {aim.ratio: aim.as_json() for aim in measured},
        "unmeasured": [aim.ratio for aim in bench.aims if aim.ratio not in ratios],
        "held": bool(measured) and all(aim.is_held(ratios[aim.ratio]) for aim in measured),
    }


def fingerprint(bench: Bench) -> str:
    """Changes when the benchmark or the code under it does, so that only current figures are taken as done."""
    digest = hashlib.sha256()
    for pattern in (f"bench/{bench.name}.py", *bench.sources):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def run_alone(bench: Bench) -> int:
    """`python -m bench.NAME`: table, then the JSON line; 0 if every measured aim is held."""
    from bench.report import table

    record = execute(bench, quick=is_quick())
    print(f"{bench.title}\n\n{table(record['columns'], record['rows'])}\n")
    for note in record["notes"]:
        print(f"- {note}")
    print(json.dumps(record["summary"]), flush=True)
    return 0 if record["summary"]["held"] else 1


def is_quick() -> bool:
    """Whether `QUICK=1` asks for a short run: under 50 seconds, or what the benchmark itself states."""
    return os.environ.get("QUICK", "") not in {"", "0"}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return known


def _write_json(path: Path, value: object) -> None:
    """Whole or not at all: a run may be interrupted while it writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(path)
