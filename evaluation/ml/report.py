"""What a measurement is reported as: never a bare number, never NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FORMAT = "synthlab.evaluation/1"
# Fewer independent groups on either real side, or fewer synthetic pictures, and a number is indicative only:
# a share of 0.80 from 50 units has a 95 % interval of 0.66 to 0.90, and p cannot be below 1/51.
MIN_GROUPS = 50
MIN_SYNTHETIC = 50

Status = Literal["ok", "insufficient", "contaminated", "uncalibrated"]


@dataclass(frozen=True)
class Counts:
    """How much stands behind a number; the groups are the independent units."""

    n_real: int
    n_synth: int
    n_train: int
    n_groups: int
    n_train_groups: int


@dataclass(frozen=True)
class MetricResult:
    """One number with its twin, interval, counts, method and what limits it.

    `floor` is the same measurement between real sets; `ratio` is value over floor (its details say where it is not
    plainly that). The interval is of `ci_of`: value, ratio, or difference (value minus floor). `status` other than ``ok`` means: indicative only, never a reason to
    release.

    Raises:
        ValueError: a number is NaN or infinite.
    """

    metric: str
    label: str
    better: Literal["lower", "higher"]
    extractor: str
    extractor_sha256: str
    preprocessing: str
    n_real: int
    n_synth: int
    n_train: int
    n_groups: int
    n_train_groups: int
    value: float | None
    floor: float | None
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    ci_of: Literal["value", "ratio", "difference"]
    ci_method: str
    p_value: float | None
    p_text: str
    resamples: int
    seed: int
    dtype: str
    status: Status
    method: str
    class_key: str = ""
    caveats: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        for number in _floats(asdict(self)):
            if not math.isfinite(number):
                raise ValueError(f"{self.metric} holds a number that is not finite")


@dataclass(frozen=True)
class ImageScore:
    """What one synthetic picture earned. `ratio` 1 is the median unseen real picture; small is near a training one.

    Flags: ``identical`` (pixel for pixel a training picture, also mirrored or turned), ``identical_reference``
    (likewise of the reference set), ``copy`` (nearer to a training picture than unseen real ones are),
    ``duplicate`` (another picture of the set is the same), ``constant`` (one flat colour).
    """

    id: str
    nearest_id: str
    distance: float
    space: str
    symmetry: str
    pixel_distance: float
    ratio: float | None
    p_value: float | None
    p_text: str
    flags: tuple[str, ...]

    def __post_init__(self) -> None:
        for number in _floats(asdict(self)):
            if not math.isfinite(number):
                raise ValueError("a score is not finite")


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _floats(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _floats(part)


def status_of(counts: Counts, *, calibrated: bool, contaminated: bool) -> Status:
    """The gravest thing that limits a number: contaminated, uncalibrated, insufficient, or nothing."""
    if contaminated:
        return "contaminated"
    if not calibrated:
        return "uncalibrated"
    return "insufficient" if shortages(counts) else "ok"


def shortages(counts: Counts) -> tuple[str, ...]:
    """In words, what there is too little of."""
    found = []
    if counts.n_groups < MIN_GROUPS:
        found.append(
            f"the validation set holds {_count(counts.n_groups, 'independent group')} ({counts.n_real} images); "
            f"{MIN_GROUPS} are needed"
        )
    if counts.n_train_groups < MIN_GROUPS:
        found.append(
            f"the training set holds {_count(counts.n_train_groups, 'independent group')} ({counts.n_train} images); "
            f"{MIN_GROUPS} are needed for a floor"
        )
    if counts.n_synth < MIN_SYNTHETIC:
        found.append(f"the set holds {counts.n_synth} synthetic images; {MIN_SYNTHETIC} are needed")
    return tuple(found)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def p_text(p_value: float | None, steps: int) -> str:
    """``3 of 101`` rather than more digits than `steps` permutations or groups can carry."""
    return "" if p_value is None else f"{round(p_value * (steps + 1), 1):g} of {steps + 1}"


def to_json(value: Any) -> str:
    """Serialise dataclasses; refuses NaN and infinity."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, MetricResult | ImageScore | Counts):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def write_text(path: Path, text: str) -> None:
    """Write a file that is either whole or not there."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
