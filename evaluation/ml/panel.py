"""The whole panel over features that are already there: pure, nothing is read or written.

`panel` is what an evaluation and its benchmark both call; `panel_without` measures the same set after discards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np

from evaluation.ml.classes import STEPS, Step, class_rows
from evaluation.ml.copying import Copies, find_copies
from evaluation.ml.copying_rows import copying
from evaluation.ml.report import ImageScore, MetricResult
from evaluation.ml.subject import Subject
from evaluation.ml.utility import utility_rows
from evaluation.ml.variety import structure_row


@dataclass(frozen=True)
class Panel:
    """All results, overall and for each class, and one score for each synthetic picture."""

    results: tuple[MetricResult, ...]
    scores: tuple[ImageScore, ...]
    copies: Copies


def panel(
    subject: Subject,
    on_step: Callable[[str, int, int], None] | None = None,
    copies: Copies | None = None,
) -> Panel:
    """Measure a subject.

    Args:
        subject: three sets of pictures and their features.
        on_step: told (name, steps done, steps in all) before each step; what it raises ends the panel.
        copies: what is known of these synthetic pictures already; looked for where not given.
    """
    results: list[MetricResult] = []
    scores: list[ImageScore] = []

    known = [copies] if copies else []

    def look_for_copies(_: Subject) -> list[MetricResult]:
        if not known:
            known.append(find_copies(subject))
        rows, per_image = copying(subject, known[0])
        scores.extend(per_image)
        return rows

    steps: dict[str, Step] = {
        **STEPS,
        "classes": lambda _: class_rows(subject, results),
        "ms_ssim": lambda _: [structure_row(subject)],
        "copying": look_for_copies,
        "utility": utility_rows,
    }
    for done, (name, step) in enumerate(steps.items()):
        if on_step is not None:
            on_step(name, done, len(steps))
        begun = time.perf_counter()
        found = step(subject)
        seconds = round((time.perf_counter() - begun) / max(1, len(found)), 4)
        results += [replace(result, seconds=seconds) for result in found]
    return Panel(tuple(results), tuple(scores), known[0])


def panel_without(subject: Subject, measured: Panel, discarded: Collection[str]) -> Panel:
    """Measure what is left of a subject after discards; no picture is compared with the real ones again.

    Args:
        subject: as it was measured.
        measured: what `panel` said of it.
        discarded: ids of synthetic pictures.
    """
    gone = set(discarded)
    rows = np.array(
        [at for at, ref in enumerate(subject.synthetic.refs) if ref.id not in gone], dtype=np.int64
    )
    after = subject.without(gone)
    return panel(after, copies=measured.copies.only(after, rows))
