"""The whole panel over features that are already there: pure, nothing is read or written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from evaluation.ml.classes import STEPS, Step, class_rows
from evaluation.ml.copying import Copies, find_copies
from evaluation.ml.copying_rows import copying
from evaluation.ml.report import ImageScore, MetricResult
from evaluation.ml.subject import Subject
from evaluation.ml.utility import utility_rows


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
        copies: what an earlier evaluation found of these synthetic pictures; looked for where not given.
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
