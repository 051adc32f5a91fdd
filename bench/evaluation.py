"""An evaluation against the usual tools: the statistics step, the whole panel, the features, and the memory.

Inception's weights are random here (the published ones cannot be shipped): the same for torch-fidelity and for us, in
the published layout, so that both do the same sums. Both read the same PNG files; ours also digests them and stores the
rows. torch-fidelity reads by its own loader with its defaults: batches of 64, several processes.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import torch_fidelity_peer
from bench.evaluation_runs import peak_mib
from bench.evaluation_sets import REAL, SEED, SYNTHETIC, TRAINING, make_subject, write_pictures
from bench.frechet import FEATURES, by_matrix_root, drawn_features
from bench.harness import Aim, Bench, Result, Run, alternate, run_alone, timing_rows
from evaluation.ml.earlier import measure as measure_panel
from evaluation.ml.features import FeatureStore, store_features
from evaluation.ml.frechet import frechet_distance
from evaluation.ml.images import parse_refs
from evaluation.ml.inception import Inception
from evaluation.ml.inception_import import checked, write
from evaluation.ml.panel import Panel
from generation.child import Reporter

LOW_RANK, ROOT_ROUTE = "statistics, low-rank identity", "statistics, scipy sqrtm"
OURS, THEIRS = "features, SynthLab", "features, torch-fidelity"
WHOLE, WHOLE_CLOCK = "whole panel (processor time)", "whole panel (wall-clock time)"
AFTER, AFTER_CLOCK = "after 50 discards (processor time)", "after 50 discards (wall-clock time)"
DISCARDS = 50
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Part:
    """What one part of the benchmark found."""

    ratios: dict[str, float]
    rows: list[list[str | float]]
    notes: Sequence[str] = ()


def measure(run: Run) -> Result:
    """The four parts, one after the other; within a part contenders take turns."""
    with tempfile.TemporaryDirectory(prefix="synthlab-bench-") as folder:
        root = Path(folder)
        steps: dict[str, Callable[[], _Part]] = {
            "statistics": lambda: _statistics(run),
            "features": lambda: _extraction(run, root / "features"),
            "panel": lambda: _panel(run, root / "panel"),
            "memory": lambda: _memory(run, root),
        }
        parts = [_Part(**run.cell(name, partial(_as_json, step))) for name, step in steps.items()]
    return Result(
        ratios={name: value for part in parts for name, value in part.ratios.items()},
        columns=["what", "median s", "fastest s", "slowest s"],
        rows=[row for part in parts for row in part.rows],
        notes=[note for part in parts for note in part.notes],
    )


def _as_json(step: Callable[[], _Part]) -> dict[str, Any]:
    return asdict(step())


def _statistics(run: Run) -> _Part:
    rng = np.random.default_rng(SEED)
    x, y = drawn_features(REAL, 0.0, rng), drawn_features(SYNTHETIC, 0.02, rng)
    seconds = alternate(
        {LOW_RANK: lambda: frechet_distance(x, y), ROOT_ROUTE: lambda: by_matrix_root(x, y)},
        rounds=1 if run.quick else 3,
        warm_up=0,
    )
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    return _Part(
        {"sqrtm_over_low_rank": middle[ROOT_ROUTE] / middle[LOW_RANK]},
        timing_rows(seconds),
        (
            f"Statistics: {REAL} real × {SYNTHETIC} synthetic images, {FEATURES} features, float64, "
            f"{os.environ.get('OPENBLAS_NUM_THREADS', 'all')} thread(s) of BLAS.",
        ),
    )


def _panel(run: Run, folder: Path) -> _Part:
    """Every number of a report, overall and for two classes, on features that are there."""
    subject = make_subject(folder, share=4 if run.quick else 1)
    gone = [ref.id for ref in subject.synthetic.refs[:DISCARDS]]
    seconds: dict[str, list[float]] = {name: [] for name in (WHOLE, WHOLE_CLOCK, AFTER, AFTER_CLOCK)}
    for _ in range(1 if run.quick else 3):
        with tempfile.TemporaryDirectory(dir=folder) as store:
            _, seconds_whole = _timed(partial(measure_panel, Path(store), replace(subject)))
            _, seconds_after = _timed(partial(measure_panel, Path(store), replace(subject.without(gone))))
        for name, value in zip(seconds, (*seconds_whole, *seconds_after), strict=True):
            seconds[name].append(value)
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    return _Part(
        {"panel_processor_seconds": middle[WHOLE], "panel_after_discards_processor_seconds": middle[AFTER]},
        timing_rows(seconds),
        (
            f"Panel: {REAL} validation, {TRAINING} training and {SYNTHETIC} synthetic images of 64 px, two classes; in "
            "seconds of processor time, all threads together, so that what else runs here does not count; beside it "
            f"wall-clock time, in which it does. After {DISCARDS} discards, as another job does it: what is left is "
            "measured from the stored features and from what the job before left on disk, reading that included.",
        ),
    )


def _timed(work: Callable[[], Panel]) -> tuple[Panel, tuple[float, float]]:
    """What the work gives; its seconds of processor time and of wall-clock time."""
    started = time.process_time(), time.perf_counter()
    found = work()
    return found, (time.process_time() - started[0], time.perf_counter() - started[1])


def _extraction(run: Run, folder: Path) -> _Part:
    import torch

    number = 16 if run.quick else 32  # our passes take 16
    pictures = write_pictures(folder / "images", number)
    refs = parse_refs(pictures, "image", grouped=False)
    ours, theirs = _ours(folder), _theirs(folder)
    torch.set_num_threads(os.cpu_count() or 1)
    found: dict[str, Rows] = {}
    stores = (FeatureStore(folder / f"store-{place}", ours) for place in count())  # an empty one each time

    def by_us() -> None:
        store_features(store := next(stores), ours, refs, Reporter(lambda line: None))
        found[OURS] = np.stack(list(store.load(sorted(store_digests(store))).values()))

    def by_them() -> None:
        found[THEIRS] = theirs([row["path"] for row in pictures])

    seconds = alternate({OURS: by_us, THEIRS: by_them}, rounds=1 if run.quick else 3, warm_up=0)
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    return _Part(
        {
            "images_per_second_over_torch_fidelity": middle[THEIRS] / middle[OURS],
            "relative_difference_of_distance": _difference(found[OURS], found[THEIRS]),
        },
        timing_rows(seconds),
        (
            f"Features: {number} images of 64 px through Inception at 299 px, float32, {torch.get_num_threads()} threads: "
            f"{number / middle[OURS]:.3g} images a second against {number / middle[THEIRS]:.3g}. The distance is that of "
            "one half of these images to the other.",
        ),
    )


def store_digests(store: FeatureStore) -> list[str]:
    """Hexadecimal digests of what a store holds."""
    return [digest.hex() for digest in store.known()]


def _difference(ours: Rows, theirs: Rows) -> float:
    """Relative difference of a Fréchet distance between halves; rows of both are brought into one order."""
    theirs = theirs[[int(np.abs(theirs - row).sum(axis=1).argmin()) for row in ours]]
    if not np.allclose(ours, theirs, rtol=1e-4, atol=1e-4):
        raise ValueError("the two tools do not give the same features")
    half = len(ours) // 2
    distances = [frechet_distance(rows[:half], rows[half:]) for rows in (ours, theirs)]
    return abs(distances[0] / distances[1] - 1)


def _ours(folder: Path) -> Inception:
    from tests.evaluation.ml.inception_weights import random_state, save_state

    state = random_state()
    pin = save_state(folder / "random.pth", state)
    write(folder, Inception.name, checked(state), pin)
    return Inception(folder=folder, pin=pin, threads=os.cpu_count() or 1)


def _theirs(folder: Path) -> Callable[[list[str]], Rows]:
    torch_fidelity_peer.install()
    from torch_fidelity.datasets import ImagesPathDataset
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torch_fidelity.utils import get_featuresdict_from_dataset

    extractor: Any = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(folder / "random.pth")
    )

    def features(paths: list[str]) -> Rows:
        found = get_featuresdict_from_dataset(
            ImagesPathDataset(paths), extractor, batch_size=64, cuda=False, save_cpu_ram=False, verbose=False
        )
        return np.asarray(found["2048"].numpy(), dtype=np.float32)

    return features


def _memory(run: Run, folder: Path) -> _Part:
    few, many = (100, 400) if run.quick else (1000, 50_000)
    peaks = {number: peak_mib(folder / f"memory-{number}", number) for number in (few, many)}
    words = ", ".join(f"{peak:.0f} MiB at {number:,} images" for number, peak in peaks.items())
    return _Part(
        {"peak_memory_of_many_over_few": peaks[many] / peaks[few]},
        [],
        (
            f"Memory: peak of the process that stores features: {words}; efficientnet-lite0 is loaded in both.",
        ),
    )


BENCH = Bench(
    name="evaluation",
    title="Evaluation: statistics, panel, features and memory",
    minutes=12,
    aims=[
        Aim(ratio="sqrtm_over_low_rank", at_least=20),
        Aim(ratio="panel_processor_seconds", at_most=5),
        Aim(ratio="panel_after_discards_processor_seconds", at_most=1),
        Aim(ratio="images_per_second_over_torch_fidelity", at_least=1.5),
        Aim(ratio="relative_difference_of_distance", at_most=1e-3),
        Aim(ratio="peak_memory_of_many_over_few", at_most=1.25),
    ],
    measure=measure,
    sources=["bench/evaluation_*.py", "bench/frechet.py", "evaluation/ml/*.py"],
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
