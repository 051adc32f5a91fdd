"""Claiming the next read: over HTTP from queues of different lengths, and in the database for one who is far ahead.

Eight signed-in readers claim and answer at a steady 20 claims a second. A claim's time runs from the moment it was due, so
one that had to wait for the one before counts the waiting too.
"""

import os
import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.harness import Aim, Bench, OutOfTimeError, Result, Run, run_alone
from bench.installation import finished
from bench.processes import postgres

SIZES, AHEAD, CLAIMS, RATE = (1_000, 10_000, 100_000), 50_000, 400, 20
QUICK_SIZES, QUICK_AHEAD, QUICK_CLAIMS = (200, 2_000), 500, 60
DATABASES = ("sqlite", "postgres")
MILLION = 1_000_000
WITH_MILLION = os.environ.get("BENCH_MILLION", "") not in {"", "0"}


def measure(run: Run) -> Result:
    """Both databases one after the other (SQLite alone where it must be quick); the sizes of one side by side."""
    spec: dict[str, Any] = {"sizes": SIZES, "ahead": AHEAD, "claims": CLAIMS, "rate": RATE}
    if run.quick:
        spec |= {"sizes": QUICK_SIZES, "ahead": QUICK_AHEAD, "claims": QUICK_CLAIMS}
    ratios: dict[str, float] = {}
    rows: list[list[str | float]] = []
    paces: list[str] = []
    for name in DATABASES[:1] if run.quick else DATABASES:
        found = run.cell(name, partial(_measure_on, name, spec))
        late = {int(size): percentile(times, 95) for size, times in found["claims"].items()}
        ratios[f"{name}_largest_over_smallest"] = late[max(late)] / late[min(late)]
        ratios[f"{name}_claim_p95_ms"] = statistics.median(percentile(one, 95) for one in found["rounds"])
        ratios[f"{name}_far_ahead_p95_ms"] = percentile(found["ahead"]["claim"], 95)
        rows += _rows(name, spec, found)
        paces.append(f"{name} " + " and ".join(f"{seconds:.2f} s" for seconds in found["paces"]))
    is_complete = True
    if WITH_MILLION and not run.quick:
        try:
            _add_million(run, spec, ratios, rows)
        except OutOfTimeError:
            is_complete = False
    return Result(
        ratios=ratios,
        columns=["database", "what", "n", "median ms", "p95 ms", "slowest ms"],
        rows=rows,
        notes=[
            f"8 readers, {RATE} claims a second, each claim answered at once; web server and readers share the machine",
            "claim_p95_ms: of the middle one of five rounds, one after the other, for spells of a machine that others use "
            "too; the rows below the ratios hold every claim of all rounds.",
            "Commits are durable on both databases: synchronous FULL on SQLite, fsync on PostgreSQL.",
            f"In the database: the time that the statements of one claim take for a reader who has answered "
            f"{spec['ahead']} images whose second reading is still open; of the claim itself, and with the progress that its "
            "answer tells.",
            "How fast the machine was, right before and after: ten million steps of a bare loop of Python took "
            f"{'; '.join(paces)}.",
            "BENCH_MILLION=1 adds a queue of a million open reads.",
        ],
        is_complete=is_complete,
    )


def _add_million(
    run: Run, spec: dict[str, Any], ratios: dict[str, float], rows: list[list[str | float]]
) -> None:
    """A million open reads beside a thousand, in an installation of their own for each database."""
    sizes = (min(SIZES), MILLION)
    for name in DATABASES:
        found = run.cell(f"{name}, a million", partial(_measure_on, name, {**spec, "sizes": sizes}))
        small, large = (percentile(found["claims"][str(size)], 95) for size in sizes)
        ratios[f"{name}_million_over_thousand"] = large / small
        rows.append(_row(name, f"claim, {MILLION} open", found["claims"][str(MILLION)]))


def _rows(database: str, spec: dict[str, Any], found: dict[str, Any]) -> list[list[str | float]]:
    claims = [_row(database, f"claim, {size} open", times) for size, times in found["claims"].items()]
    ahead = found["ahead"]
    rounds = sorted(found["rounds"], key=lambda times: percentile(times, 95))
    return [
        *claims,
        _row(database, "claim, middle round", rounds[len(rounds) // 2]),
        _row(database, "claim, worst round", rounds[-1]),
        _row(database, "answer", found["submits"]),
        _row(database, f"claim in the database, {spec['ahead']} ahead", ahead["claim"]),
        _row(database, "the same with its progress", ahead["answer"]),
    ]


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def _row(database: str, what: str, times: Sequence[float]) -> list[str | float]:
    return [database, what, len(times), statistics.median(times), percentile(times, 95), max(times)]


def _measure_on(database: str, spec: dict[str, Any]) -> dict[str, Any]:
    if database == "sqlite":
        return finished("bench.claims_runs", spec)
    with tempfile.TemporaryDirectory(prefix="synthlab-bench-") as folder, postgres(Path(folder)) as url:
        return finished("bench.claims_runs", spec, DATABASE_URL=url)


BENCH = Bench(
    name="claims",
    title="Claims: the next read from queues of 1,000 to 100,000",
    minutes=4,
    quick_seconds=120,
    aims=[
        Aim(ratio="sqlite_largest_over_smallest", at_most=1.3),
        Aim(ratio="postgres_largest_over_smallest", at_most=1.3),
        *(
            [Aim(ratio=f"{name}_million_over_thousand", at_most=1.3) for name in DATABASES]
            if WITH_MILLION
            else []
        ),
        Aim(ratio="sqlite_claim_p95_ms", at_most=100),
        Aim(ratio="postgres_claim_p95_ms", at_most=50),
        Aim(ratio="sqlite_far_ahead_p95_ms", at_most=10),
        Aim(ratio="postgres_far_ahead_p95_ms", at_most=10),
    ],
    measure=measure,
    sources=[
        "bench/claims_runs.py",
        "bench/filling.py",
        "bench/installation.py",
        "annotation/services/progress.py",
        "annotation/services/queue.py",
        "annotation/models/read.py",
        "annotation/api/*.py",
    ],
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
