"""What clinicians said about the images of a set. The reading of images knows of evaluation, not the reverse: it registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.models import ImageSet


@dataclass(frozen=True)
class Acceptance:
    """Of the images of a set that were decided in a study: how many were accepted, and why the others were not."""

    judged: int
    accepted: int
    reasons: tuple[tuple[str, int], ...]  # discard reason in words, times; most frequent first

    @property
    def share(self) -> float:
        """Accepted of judged."""
        return self.accepted / self.judged

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        from evaluation.ml.intervals import wilson  # it loads scipy, which only this page needs

        return wilson(self.accepted, self.judged)


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
