"""Label Studio against ours in the same run: the next task, saving an answer, and COCO of the same tasks.

Both run as their own commands start them, on SQLite, on this machine, empty but for what is measured. One person at a
time asks, and the two take turns.
"""

import json
import statistics
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.claims import percentile
from bench.harness import STORE, Aim, Bench, Result, Run
from bench.installation import client_of, finished, served
from bench.peers.labelstudio import VERSION, label_studio

SIZES, QUICK_SIZES = (1_000, 10_000), (100,)
ROUNDS, QUICK_ROUNDS = 100, 10
WARM_UP = 6
EXPORTED, QUICK_EXPORTED = 10_000, 100
EXPORTS = 2
OURS, THEIRS = "SynthLab", f"Label Studio {VERSION}"

Times = dict[str, list[float]]
Turn = tuple[
    str, Callable[[], Any], Callable[[Any], None]
]  # who, how the next one is taken, how it is answered


@dataclass(frozen=True)
class Ours:
    """Our REST API, for one reader."""

    client: httpx.Client

    def next_read(self, study: str) -> dict[str, Any]:
        [read] = self._post(f"/api/v1/studies/{study}/claim", {"count": 1}).json()["reads"]
        found: dict[str, Any] = read
        return found

    def save(self, read: dict[str, Any]) -> None:
        box = {
            "kind": "box",
            "class": "gland",
            "geometry": {"x": 6.4, "y": 6.4, "width": 25.6, "height": 19.2},
        }
        body = {
            "decision": "labelled", "classes": ["gland"], "regions": [box], "active_seconds": 6.2, "idle_seconds": 0.4,
        }  # fmt: skip
        headers = {"If-Match": f'"{read["rev"]}"', "Idempotency-Key": str(uuid.uuid4())}
        self._post(f"/api/v1/reads/{read['id']}/submit", body, headers)

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        answer = self.client.post(path, json=body, headers=headers or {})
        answer.raise_for_status()
        return answer


def measure(run: Run) -> Result:
    """Reading and exporting are two parts; each is kept when it is done."""
    sizes = QUICK_SIZES if run.quick else SIZES
    rounds = QUICK_ROUNDS if run.quick else ROUNDS
    count = QUICK_EXPORTED if run.quick else EXPORTED
    reading = run.cell("reading", lambda: _read(sizes, rounds))
    exporting = run.cell("exporting", lambda: _export(count))
    return _result(reading, exporting, count)


def _read(sizes: Sequence[int], rounds: int) -> dict[str, Times]:
    """Seconds by size: of the next one and of saving an answer to it, both sides in turns."""
    found: dict[str, Times] = {}
    with (
        _folder() as folder,
        label_studio(folder) as theirs,
        served("bench.peers.ours", {"sizes": sizes}, "queues") as facts,
    ):
        ours = Ours(client_of(facts["url"], facts["cookies"]))
        for size in sizes:
            project = theirs.make_project(
                [{"data": {"image": f"/images/{number}.png"}} for number in range(size)]
            )
            study = facts["studies"][str(size)]
            times: Times = {}
            turns: list[Turn] = [
                (OURS, partial(ours.next_read, study), ours.save),
                (THEIRS, partial(theirs.next_task, project), partial(theirs.save, project)),
            ]
            for number in range(WARM_UP + rounds):
                for name, take, save in turns if number % 2 else reversed(turns):
                    took = _timed(take, save)
                    if number >= WARM_UP:
                        for what, seconds in zip(("next", "save"), took, strict=True):
                            times.setdefault(f"{name}, {what}", []).append(seconds)
            found[str(size)] = times
    return found


def _timed(take: Callable[[], Any], save: Callable[[Any], None]) -> tuple[float, float]:
    started = time.perf_counter()
    taken = take()
    between = time.perf_counter()
    save(taken)
    return between - started, time.perf_counter() - between


def _export(count: int) -> Times:
    """Seconds of a COCO archive of the same tasks: theirs are imported from our own export to their format."""
    with _folder() as folder:
        ours = finished(
            "bench.peers.ours", {"count": count, "rounds": EXPORTS, "work": str(folder)}, "export"
        )
        with zipfile.ZipFile(folder / "tasks.zip") as archive:
            tasks = json.loads(archive.read("tasks.json"))
            config = archive.read("config.xml").decode()
        assert len(tasks) == count
        with label_studio(folder) as theirs:
            project = theirs.make_project(tasks, config)
            seconds = []
            for _ in range(EXPORTS):
                started = time.perf_counter()
                theirs.export(project, folder / "theirs.zip")
                seconds.append(time.perf_counter() - started)
        with zipfile.ZipFile(folder / "theirs.zip") as archive:
            found = json.loads(archive.read("result.json"))
        assert (len(found["images"]), len(found["annotations"])) == (count, count)
    return {OURS: ours["seconds"], THEIRS: seconds}


@contextmanager
def _folder() -> Iterator[Path]:
    STORE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peers-", dir=STORE) as folder:
        yield Path(folder)


def _result(reading: dict[str, Times], exporting: Times, count: int) -> Result:
    ratios: dict[str, float] = {}
    rows: list[list[str | float]] = []
    for size, times in reading.items():
        for what in ("next", "save"):
            ratios[f"{what}_{size}_theirs_over_ours"] = _middle(times, THEIRS, what) / _middle(
                times, OURS, what
            )
        rows += [
            [name, f"{size} tasks", len(all_), statistics.median(all_) * 1000, percentile(all_, 95) * 1000]
            for name, all_ in times.items()
        ]
    ratios["coco_theirs_over_ours"] = min(exporting[THEIRS]) / min(exporting[OURS])
    rows += [
        [f"{name}, COCO", f"{count} tasks", len(all_), statistics.median(all_) * 1000, max(all_) * 1000]
        for name, all_ in exporting.items()
    ]
    return Result(
        ratios=ratios,
        columns=["what", "of", "n", "median ms", "p95 ms"],
        rows=rows,
        notes=[
            "Both on SQLite, over HTTP, one reader, one box an answer, in turns. Label Studio by `label-studio start`, with its "
            "defaults; ours by the web server of `synthlab up`, each answer durable before it is acknowledged.",
            "Next: `GET /api/projects/ID/next/` against `claim`. Save: an annotation against `submit`, which also settles "
            "what becomes of the image.",
            "COCO: the faster of two runs of each. Theirs is the labels alone (`download_resources=false`), over HTTP; ours "
            "is the whole archive with every image checked and copied, its checksums, data sheet and Croissant, from the "
            "rows in the database to the file.",
        ],
    )


def _middle(times: Times, name: str, what: str) -> float:
    return statistics.median(times[f"{name}, {what}"])


BENCH = Bench(
    name="peers",
    title="Label Studio in the same run: next task, saving, COCO",
    minutes=6,
    quick_seconds=600,  # the first call installs it
    aims=(
        Aim(ratio="next_1000_theirs_over_ours", at_least=1),
        Aim(ratio="next_10000_theirs_over_ours", at_least=1),
        Aim(ratio="save_1000_theirs_over_ours", at_least=1),
        Aim(ratio="save_10000_theirs_over_ours", at_least=1),
        Aim(ratio="coco_theirs_over_ours", at_least=1),
    ),
    measure=measure,
    sources=(
        "annotation/api/*.py",
        "annotation/export/*.py",
        "annotation/services/*.py",
        "bench/filling.py",
        "bench/installation.py",
        "bench/peers/*.py",
    ),
)
