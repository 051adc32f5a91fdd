"""`dcgan-s` against the textbook DCGAN: quality of the images for the same computing time, on real images.

Each contender trains on one frozen manifest, one thread each, and is sampled and judged at every mark of the same run. Two
dishonest generators stand beside them: the training images replayed, and replayed with noise. They have the best distances
of all and must be caught by the copy column.
"""

import itertools
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench import training_runs as runs
from bench.harness import Aim, Bench, OutOfTimeError, Result, Run, run_alone
from bench.training_sets import ImageSet, cells, tissue

# On processors a minute is one of two cores, and each contender has one of them; a GPU serves one contender at a time.
CORES = 1 if runs.HAS_GPU else 2
MINUTES = (1, 10) if runs.HAS_GPU else (2, 10, 20)
NAMES = (*runs.CONTENDERS, *([runs.PEER] if runs.HAS_GPU else []))
SEEDS = (0, 1, 2)
NOISE = 8.0  # grey levels: not to be seen by eye
COLUMNS = (
    "images", "contender", "minutes", "seeds", "KID", "KID lowest", "KID highest", "KID floor", "FD", "FD floor",
    "coverage", "coverage floor", "copies flagged", "images/s", "peak MiB",
)  # fmt: skip

MEASURE_OF_TIME = (
    "Time is that on the clock; peak memory is that of the GPU."
    if runs.HAS_GPU
    else f"m minutes are {CORES} × m minutes of processor time of one thread: what {CORES} cores give in m minutes to two "
    "runs side by side. Peak memory holds PyTorch itself."
)

Cell = dict[str, float]
Marks = dict[float, list[Cell]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long, how often, and with how many images each contender is measured."""

    seconds: Sequence[float]
    seeds: Sequence[int]
    samples: int

    def label(self, mark: float) -> str:
        return f"{mark / 60 / CORES:.3g}"


FULL = Plan(seconds=[minutes * 60 * CORES for minutes in MINUTES], seeds=SEEDS, samples=runs.SAMPLES)
QUICK = Plan(seconds=[20], seeds=[0], samples=100)


def measure(run: Run) -> Result:
    """Every cell of the table, each kept as soon as it is done."""
    if run.quick:
        with tempfile.TemporaryDirectory() as temporary:
            return _measure(run, QUICK, Path(temporary))
    folder = run.cells.with_suffix("")  # checkpoints: a run that was interrupted goes on from there
    result = _measure(run, FULL, folder)
    if result.is_complete:
        shutil.rmtree(folder)
    return result


def _measure(run: Run, plan: Plan, folder: Path) -> Result:
    sets = [tissue(folder / "ihc")]
    if not run.quick and (cut_cells := cells(folder / "bccd")):
        sets.append(cut_cells)
    rows: list[list[str | float]] = []
    ratios: dict[str, float] = {}
    complete = True
    for images in sets:
        for name, forge in CONTROLS.items():
            cell = run.cell(f"{images.name}/{name}", partial(_control, plan, images, forge, folder))
            rows.append(_row(images, name, "–", [cell]))
            ratios[f"{images.name}_{name}_flagged".replace(" ", "_")] = cell["copies"]
    for images in sets:
        table, is_whole = _contenders(run, plan, images, folder)
        complete = complete and is_whole
        for name, marks in table.items():
            rows += [
                _row(images, name, plan.label(mark), measured) for mark, measured in marks.items() if measured
            ]
        ratios |= dict(_ratios(plan, images, table))
    notes = list(_notes(run, plan, sets))
    if not complete:
        notes.append("Not all was measured yet: the column of seeds says how many runs stand behind a row.")
    return Result(ratios=ratios, columns=COLUMNS, rows=rows, notes=notes, is_complete=complete)


def _contenders(run: Run, plan: Plan, images: ImageSet, folder: Path) -> tuple[dict[str, Marks], bool]:
    """All contenders at all marks, and whether time sufficed; those of one seed side by side, on the same machine."""
    table: dict[str, Marks] = {name: {mark: [] for mark in plan.seconds} for name in NAMES}
    with ThreadPoolExecutor(CORES) as pool:
        for mark, seed in itertools.product(plan.seconds, plan.seeds):
            to_mark = partial(_one_cell, run, plan, images, folder, seed, mark)
            try:
                measured = dict(zip(table, pool.map(to_mark, table), strict=True))
            except OutOfTimeError:
                return table, False
            for name, cell in measured.items():
                table[name][mark].append(cell)
    return table, True


def _one_cell(
    run: Run, plan: Plan, images: ImageSet, folder: Path, seed: int, mark: float, name: str
) -> Cell:
    work = folder / images.name / f"{name}-{seed}"
    key = f"{images.name}/{name}/{seed}/{mark:g}"
    cell: Cell = run.cell(key, partial(_cell, plan, mark, images, name, seed, work))
    return cell


def _cell(plan: Plan, mark: float, images: ImageSet, name: str, seed: int, work: Path) -> Cell:
    facts, drawn = runs.draw_at(mark, images, name, seed, work, plan.samples)
    judged = runs.judge(drawn, images, work / f"judged-{mark:g}", work.parent / "features")
    return {**judged, **facts}


def replayed(pixels: Sequence[np.ndarray[Any, Any]], count: int) -> Iterator[np.ndarray[Any, Any]]:
    """Training images as they are."""
    rng = np.random.default_rng(0)
    for place in rng.permutation(np.arange(count) % len(pixels)):
        yield pixels[place]


def replayed_with_noise(pixels: Sequence[np.ndarray[Any, Any]], count: int) -> Iterator[np.ndarray[Any, Any]]:
    """Training images with noise that hides them from a comparison of digests."""
    rng = np.random.default_rng(1)
    for image in replayed(pixels, count):
        yield np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).round().astype(np.uint8)


Forge = Callable[[Sequence[np.ndarray[Any, Any]], int], Iterator[np.ndarray[Any, Any]]]
CONTROLS: Mapping[str, Forge] = {"replay": replayed, "replay with noise": replayed_with_noise}


def _control(plan: Plan, images: ImageSet, forge: Forge, folder: Path) -> Cell:
    work = folder / images.name / forge.__name__
    work.mkdir(parents=True, exist_ok=True)
    pixels = [np.asarray(Image.open(entry["path"])) for entry in images.training]
    drawn = []
    for index, image in enumerate(forge(pixels, plan.samples)):
        path = work / f"{index}.png"
        Image.fromarray(image).save(path)
        drawn.append({"id": str(index), "path": str(path), "class": None})
    return runs.judge(drawn, images, work / "judged", folder / images.name / "features")


def _row(images: ImageSet, name: str, minutes: str, measured: Sequence[Cell]) -> list[str | float]:
    def middle(key: str) -> float | str:
        return statistics.median(cell[key] for cell in measured) if key in measured[0] else "–"

    distances = [cell["kid"] for cell in measured]
    return [
        images.name, name, minutes, len(measured), middle("kid"), min(distances), max(distances), middle("kid_floor"),
        middle("fd"), middle("fd_floor"), middle("coverage"), middle("coverage_floor"), middle("copies"),
        middle("images_per_s"), middle("peak_mib"),
    ]  # fmt: skip


def _ratios(plan: Plan, images: ImageSet, table: Mapping[str, Marks]) -> Iterator[tuple[str, float]]:
    """KID of dcgan-s at a mark over the best that dcgan had reached by then."""
    kid = {
        name: {
            mark: statistics.median(cell["kid"] for cell in measured)
            for mark, measured in marks.items()
            if measured
        }
        for name, marks in table.items()
    }
    for mark in kid["dcgan-s"]:
        best = min(value for earlier, value in kid["dcgan"].items() if earlier <= mark)
        yield f"{images.name}_kid_after_{plan.label(mark)}_min", kid["dcgan-s"][mark] / best
        if runs.PEER in kid:
            yield (
                f"{images.name}_kid_over_peer_after_{plan.label(mark)}_min",
                kid["dcgan-s"][mark] / kid[runs.PEER][mark],
            )


def _notes(run: Run, plan: Plan, sets: Sequence[ImageSet]) -> Iterator[str]:
    if run.quick:
        yield "20 s of training each show that the benchmark works, and nothing about the contenders."
    for images in sets:
        groups = [len({entry["group"] for entry in part}) for part in (images.training, images.validation)]
        yield (
            f"{images.name}: {len(images.training)} training images in {groups[0]} groups, {len(images.validation)} "
            f"validation images in {groups[1]}; {plan.samples} sampled images"
        )
    yield (
        f"{len(plan.seeds)} seeds; KID, FD and coverage are medians over them, on features of EfficientNet-Lite0. "
        "The floor is real training images against real validation images."
    )
    yield MEASURE_OF_TIME
    yield "lightweight-gan needs CUDA" + (
        ": measured." if runs.HAS_GPU else " and was not measured: no GPU is here."
    )
    if not run.quick and len(sets) == 1:
        yield "The cell photographs (shared/data/bccd) were not at hand, so the cells were not measured."


BENCH = Bench(
    name="training",
    title="dcgan-s against the textbook DCGAN for equal computing time",
    minutes=600,
    quick_seconds=300,
    aims=[
        Aim(ratio="ihc_kid_after_10_min", at_most=0.4),
        Aim(ratio="ihc_kid_after_20_min", at_most=0.3),
        Aim(ratio="ihc_kid_over_peer_after_10_min", at_most=1),
        Aim(ratio="ihc_replay_flagged", at_least=0.95),
        Aim(ratio="ihc_replay_with_noise_flagged", at_least=0.95),
        Aim(ratio="bccd_replay_flagged", at_least=0.95),
        Aim(ratio="bccd_replay_with_noise_flagged", at_least=0.95),
    ],
    measure=measure,
    # What decides the pictures, and no more: hours of runs must not be void because a message was worded anew.
    sources=[
        "bench/training_*.py",
        "generation/ml/networks/*.py",
        *(
            f"generation/ml/{name}.py"
            for name in (
                "augment",
                "averaging",
                "config",
                "data",
                "holdback",
                "losses",
                "players",
                "sampling",
                "seeding",
            )
        ),
    ],
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
