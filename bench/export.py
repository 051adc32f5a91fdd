"""An approved set as an archive: seconds and memory for 10,000 images, and the same files by a bare tar."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotation.export.registry import FORMATS
from bench.harness import STORE, Aim, Bench, Result, Run, run_alone
from bench.processes import answer_of

COUNT, MANY = 10_000, 100_000
TIMED = ("coco", "imagefolder", "parquet", "webdataset", "yolo", "voc", "cvat", "labelstudio", "csv", "dicom")
ROUNDS = 3


def call(verb: str, spec: dict[str, Any]) -> dict[str, Any]:
    """One measurement in a process of its own, whose memory is then its own, too."""
    return answer_of("bench.export_runs", verb, spec=spec, folder=Path(spec["work"]))


def measure(run: Run) -> Result:
    count, many = (500, 2_000) if run.quick else (COUNT, MANY)
    STORE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="export-", dir=STORE) as folder:
        colour = _set(Path(folder), count, side=64, channels=3)
        call("make", colour)
        found = _all_formats(colour, 1 if run.quick else ROUNDS)
        small, large = _set(Path(folder), count, side=16), _set(Path(folder), many, side=16)
        for spec in (small, large):
            call("make", spec)
        low, high = (call("write", {**spec, "format": "coco"}) for spec in (small, large))
    tar, tarfile = statistics.median(found["tar"]), statistics.median(found["tarfile"])
    seconds = {key: statistics.median(row[0] for row in found[key]) for key in TIMED}
    memory = {key: max(row[1] for row in found[key]) for key in TIMED}
    ratios = {
        "coco_rate_over_python_tarfile": tarfile / seconds["coco"],
        "slowest_format_rate_over_python_tarfile": tarfile / max(seconds.values()),
        "coco_rate_over_gnu_tar": tar / seconds["coco"],
        "memory_of_many_over_few": high["mib"] / low["mib"],
    }
    if not run.quick:
        ratios["seconds_of_slowest_format"] = max(seconds.values())
        ratios["mib_of_largest_format"] = max(memory.values())
    rows: list[Sequence[str | float | int]] = [
        [FORMATS[key].title, seconds[key], count / seconds[key], memory[key]] for key in TIMED
    ]
    rows.append(["bare copy by Python's tarfile", tarfile, count / tarfile, "–"])
    rows.append(["bare copy by GNU tar", tar, count / tar, "–"])
    return Result(
        ratios=ratios,
        columns=["what", "median s", "images/s", "peak MiB"],
        rows=rows,
        notes=[
            f"{count} images of 64 × 64 pixels in colour; half of them with a box, a polygon and a point. From plain rows "
            f"to an archive on the disk; reading the rows from the database is not in it. Rounds: {ROUNDS}.",
            f"Memory: {count} and {many} images of 16 × 16 pixels as COCO took {low['mib']:.0f} and {high['mib']:.0f} MiB, "
            f"Python and its libraries in it; {many} took {high['seconds']:.1f} s.",
        ],
    )


def _set(folder: Path, count: int, *, side: int, channels: int = 1) -> dict[str, Any]:
    name = f"{count}-{side}"
    return {
        "work": str(folder), "images": str(folder / name), "list": str(folder / f"{name}.txt"), "count": count,
        "side": side, "channels": channels,
    }  # fmt: skip


def _all_formats(spec: dict[str, Any], rounds: int) -> dict[str, Any]:
    """In turns, so that whatever else the machine does meets all alike; the first tar warms the disk's cache."""
    call("tar", spec)
    found: dict[str, Any] = {key: [] for key in ("tar", "tarfile", *TIMED)}
    for _ in range(rounds):
        for verb in ("tar", "tarfile"):
            found[verb].append(call(verb, spec)["seconds"])
        for key in TIMED:
            row = call("write", {**spec, "format": key})
            found[key].append((row["seconds"], row["mib"]))
    return found


BENCH = Bench(
    name="export",
    title="The approved set as an archive in every format",
    minutes=8,
    quick_seconds=50,
    aims=(
        Aim(ratio="coco_rate_over_python_tarfile", at_least=0.5),
        Aim(ratio="memory_of_many_over_few", at_most=1.25),
        Aim(ratio="seconds_of_slowest_format", at_most=60),
        Aim(ratio="mib_of_largest_format", at_most=300),
    ),
    measure=measure,
    sources=("bench/export_runs.py", "annotation/export/*.py"),
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
