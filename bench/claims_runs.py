"""One installation under load, in a process of its own: `python -m bench.claims_runs SPEC.json`; prints one JSON object.

The installation is whole: migrated, its web server the one of `synthlab up`, durable commits. Its studies hold different
numbers of open reads, and readers claim from them in turns, so that whatever else the machine does meets all alike.
"""

import json
import math
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.installation import client_of, cookies_of, prepare_home, web_server

READERS = 8
# As the reading page sends it; from the seconds the server tells how long the rest will take.
ANSWER = {"decision": "labelled", "classes": ["normal"], "active_seconds": 6.2, "idle_seconds": 0.4}
PROBES = 100
ROUNDS = 5  # one after the other; a machine that other people use too has bad spells of some seconds
WARM_UP = 6  # answers of each reader in each study before the clock runs


@dataclass(frozen=True)
class Reader:
    """A signed-in person, as a browser is one."""

    client: httpx.Client

    def claim(self, study: str) -> dict[str, Any]:
        [read] = self._post(f"/api/v1/studies/{study}/claim", {"count": 1}).json()["reads"]
        found: dict[str, Any] = read
        return found

    def submit(self, read: dict[str, Any]) -> None:
        headers = {"If-Match": f'"{read["rev"]}"', "Idempotency-Key": str(uuid.uuid4())}
        self._post(f"/api/v1/reads/{read['id']}/submit", ANSWER, headers)

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        answer = self.client.post(path, json=body, headers=headers or {})
        answer.raise_for_status()
        return answer


def main(spec: dict[str, Any]) -> dict[str, Any]:
    """Fill, serve, claim.

    Returns:
        ``{"claims": {size: [ms, …]}, "rounds": [[ms, …], …], "submits": [ms, …], "ahead": {"claim": [ms, …], "answer":
        [ms, …]}, "paces": [s, s]}``; milliseconds of a claim over HTTP count from the moment it was due; `rounds` has the claims of all
        sizes by the part of the run in which they were due; `paces` tell how fast the machine was before and after.
    """
    home = Path(spec["home"])
    prepare_home(home)
    from bench.filling import Filler, make_person

    people = [make_person(f"reader{number}", "clinician") for number in range(READERS)]
    filler = Filler(people, max(*spec["sizes"], spec["ahead"] + 2 * PROBES))
    studies = {size: str(filler.open_study(size).pk) for size in spec["sizes"]}
    ahead = _far_ahead(filler, people[0], spec["ahead"])
    with web_server(home) as url:
        readers = [Reader(client_of(url, cookies_of(person))) for person in people]
        paces = [_pace()]
        times = _drive(readers, studies, count=spec["claims"], rate=spec["rate"])
        paces.append(_pace())
    return {**times, "ahead": ahead, "paces": paces}


def _pace() -> float:
    """Seconds that ten million steps of a bare loop take: how fast the machine is at this time."""
    started, total = time.perf_counter(), 0
    for step in range(10_000_000):
        total += step
    return time.perf_counter() - started


def _far_ahead(filler: Any, reader: Any, done: int) -> dict[str, list[float]]:
    """Milliseconds in the database, for one who has answered `done` images: of the claim, and of all that its answer holds."""
    from annotation.api.payloads import describe_claim
    from annotation.services.queue import claim_reads
    from bench.filling import run_ahead

    study = filler.open_study(done + 2 * PROBES, reads=2)
    run_ahead(reader, study, done)
    filler.settle()
    times: dict[str, list[float]] = {"claim": [], "answer": []}
    for _ in range(PROBES):
        with _watched() as spent:
            claim = claim_reads(reader=reader, study=study, count=1)
            times["claim"].append(sum(spent) * 1000)
            describe_claim(claim, reader, study)
        times["answer"].append(sum(spent) * 1000)
        [read] = claim.reads
        # Put away, or the next claim would give it again.
        type(read).objects.filter(pk=read.pk).update(state="void", lease_until=None)
    return times


@contextmanager
def _watched() -> Iterator[list[float]]:
    """Seconds that each statement takes."""
    from django.db import connection

    spent: list[float] = []

    def watch(execute: Any, *statement: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*statement)
        finally:
            spent.append(time.perf_counter() - started)

    with connection.execute_wrapper(watch):
        yield spent


def _drive(readers: Sequence[Reader], studies: dict[int, str], *, count: int, rate: float) -> dict[str, Any]:
    """`count` claims a size at `rate` claims a second over all; each is answered before its reader's next one is due."""
    for reader in readers:
        # Neither the first request of a process nor that of a connection is what a reader meets all day, and from the
        # fifth answer on the server tells how long the rest will take.
        for study in [*studies.values()] * WARM_UP:
            reader.submit(reader.claim(study))
    sizes = list(studies)
    claims: dict[int, list[float]] = {size: [] for size in sizes}
    rounds: list[list[float]] = [[] for _ in range(ROUNDS)]
    submits: list[float] = []
    turns = math.ceil(count * len(sizes) / len(readers))
    started = time.perf_counter()

    def work(own: int) -> None:
        # Each reader goes through the sizes in turns of its own, or one size would always meet the same neighbours.
        for turn in range(turns):
            due = started + (turn * len(readers) + own) / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            size = sizes[(turn + own) % len(sizes)]
            read = readers[own].claim(studies[size])
            claimed = time.perf_counter()
            claims[size].append((claimed - due) * 1000)
            rounds[turn * ROUNDS // turns].append((claimed - due) * 1000)
            readers[own].submit(read)
            submits.append((time.perf_counter() - claimed) * 1000)

    with ThreadPoolExecutor(len(readers)) as pool:
        list(pool.map(work, range(len(readers))))
    return {"claims": claims, "rounds": rounds, "submits": submits}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
