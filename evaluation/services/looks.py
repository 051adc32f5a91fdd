"""How often the validation split was looked at: choosing by its numbers makes them too good."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from evaluation.models import Evaluation
from generation.models import Dataset, Split

# More looks than this and the best of them is likely to be luck: the best of 20 numbers without any difference
# between them lies at their 95th percentile.
MANY_LOOKS = 20


@dataclass(frozen=True)
class Looks:
    """Evaluations asked for on one split, and of how many generators."""

    count: int
    generators: int

    @property
    def is_many(self) -> bool:
        """Whether choosing among them has made the numbers too good to believe."""
        return self.count >= MANY_LOOKS


def looks_at(dataset: Dataset, split: str = Split.VAL) -> Looks:
    """Each evaluation is one look, whatever became of it."""
    rows = Evaluation.objects.filter(dataset=dataset, split=split)
    found = rows.aggregate(count=Count("id"), generators=Count("image_set__batch__generator", distinct=True))
    return Looks(**found)
