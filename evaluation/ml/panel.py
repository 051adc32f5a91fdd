"""The whole panel over features that are already there: pure, nothing is read or written.

`panel` is what an evaluation and its benchmark both call; `Subject.without` is the same set after discards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from evaluation.ml.classes import STEPS, Step, class_rows
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


def panel(subject: Subject, on_step: Callable[[str, int, int], None] | None = None) -> Panel:
    """Measure a subject.

    Args:
        subject: three sets of pictures and their features.
        on_step: told (name, steps done, steps in all) before each step; what it raises ends the panel.
    """
    results: list[MetricResult] = []
    scores: list[ImageScore] = []

    def copies(_: Subject) -> list[MetricResult]:
        rows, per_image = copying(subject)
        scores.extend(per_image)
        return rows

    steps: dict[str, Step] = {
        **STEPS,
        "classes": lambda _: class_rows(subject, results),
        "ms_ssim": lambda _: [structure_row(subject)],
        "copying": copies,
        "utility": utility_rows,
    }
    for done, (name, step) in enumerate(steps.items()):
        if on_step is not None:
            on_step(name, done, len(steps))
        begun = time.perf_counter()
        found = step(subject)
        seconds = round((time.perf_counter() - begun) / max(1, len(found)), 4)
        results += [replace(result, seconds=seconds) for result in found]
    return Panel(tuple(results), tuple(scores))
