"""What clinicians said about the images of a set. The reading of images knows of evaluation, not the reverse: it registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.models import ImageSet


@dataclass(frozen=True)
class Share:
    """Of decided images, how many were accepted."""

    judged: int
    accepted: int

    @property
    def share(self) -> float:
        """Accepted of judged."""
        return self.accepted / self.judged

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        from evaluation.ml.intervals import wilson  # it loads scipy, which only this page needs

        return wilson(self.accepted, self.judged)

    @property
    def interval_text(self) -> str:
        """The interval in words."""
        low, high = self.interval
        return f"95 %: {100 * low:.0f} % to {100 * high:.0f} %"


@dataclass(frozen=True)
class Acceptance(Share):
    """What became of the images of a set in studies, beside the real images hidden among them there."""

    reasons: tuple[tuple[str, int], ...]  # discard reason in words, times; most frequent first
    real: Share | None  # hidden real images of the same studies: the twin; None where none was decided

    def as_json(self) -> dict[str, Any]:
        """Both shares with interval and method, for who reads a report with a program."""
        real = self.real and {**asdict(self.real), "interval": self.real.interval}
        return {**asdict(self), "interval": self.interval, "method": "Wilson", "real": real}


Source = Callable[[ImageSet], Acceptance]
_sources: list[Source] = []


def register_acceptance(source: Source) -> None:
    """Name who can say what became of images in front of clinicians; called once, when the app is ready."""
    _sources.append(source)


def acceptance_of(image_set: ImageSet) -> Acceptance | None:
    """What clinicians said so far; None where no image was decided."""
    for source in _sources:
        found = source(image_set)
        if found.judged:
            return found
    return None
