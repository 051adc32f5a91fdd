"""What stands in a data set, counted from its rows: by split and class, in images and groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Count

from generation.ingest.advice import FEW_OF_A_CLASS, GOOD_FOR_A_CLASS, Advice, Part, advise
from generation.models import Dataset, SourceImage, Split

SPLIT_TITLES = {Split.TRAIN: "Training", Split.VAL: "Validation", Split.HELD_OUT: "Held out"}
NO_CLASS = ""


@dataclass(frozen=True)
class ClassCount:
    """One class in one split.

    Attributes:
        key, title: Of the class; an empty key stands for images without one.
        images: How many of the split.
        share: Of the split, 0 to 1.
        is_scarce: In training, fewer than a generator can learn.
        is_thin: In training, fewer than make a generator by class worthwhile.
    """

    key: str
    title: str
    images: int
    share: float
    is_scarce: bool = False
    is_thin: bool = False


@dataclass(frozen=True)
class SplitCount:
    """One side of the split."""

    split: str
    title: str
    images: int
    groups: int
    classes: list[ClassCount] = field(default_factory=list)


@dataclass(frozen=True)
class Composition:
    """All of it; empty sides of the split are among `splits`."""

    splits: list[SplitCount]
    withdrawn: int

    @property
    def images(self) -> int:
        """Present images."""
        return sum(split.images for split in self.splits)

    @property
    def groups(self) -> int:
        """Groups with a present image."""
        return sum(split.groups for split in self.splits)

    @property
    def class_titles(self) -> list[str]:
        """Every class in order; empty where there are none."""
        return [entry.title for entry in self.splits[0].classes]

    def advice(self) -> list[Advice]:
        """What the data set is too small for."""
        return advise({split.split: _part(split) for split in self.splits})


def composition_of(dataset: Dataset) -> Composition:
    """Count the present images of a data set; three queries."""
    rows = SourceImage.objects.present().filter(dataset=dataset).order_by()
    by_class = rows.values_list("group__split", "class_key").annotate(n=Count("pk"))
    groups = rows.values_list("group__split").annotate(n=Count("group", distinct=True))
    counts = {(split, key): n for split, key, n in by_class}
    group_counts = dict(groups)
    titles = {entry["key"]: entry["title"] for entry in dataset.classes}
    keys = sorted({*titles, *(key for _, key in counts if key)})
    if keys and any(key == NO_CLASS for _, key in counts):
        keys.append(NO_CLASS)
    return Composition(
        splits=[
            SplitCount(
                split=split,
                title=title,
                images=sum(n for (where, _), n in counts.items() if where == split),
                groups=group_counts.get(split, 0),
                classes=list(_classes(split, keys, titles, counts)),
            )
            for split, title in SPLIT_TITLES.items()
        ],
        withdrawn=SourceImage.objects.filter(dataset=dataset, withdrawn_at__isnull=False).count(),
    )


def _classes(
    split: str, keys: list[str], titles: dict[str, str], counts: dict[tuple[str, str], int]
) -> Iterator[ClassCount]:
    total = sum(counts.get((split, key), 0) for key in keys)
    for key in keys:
        images = counts.get((split, key), 0)
        yield ClassCount(
            key=key,
            title=titles.get(key, key) or "no class",
            images=images,
            share=images / total if total else 0.0,
            is_scarce=bool(key) and split == Split.TRAIN and images < FEW_OF_A_CLASS,
            is_thin=bool(key) and split == Split.TRAIN and FEW_OF_A_CLASS <= images < GOOD_FOR_A_CLASS,
        )


def _part(split: SplitCount) -> Part:
    return Part(split.images, split.groups, {entry.key: entry.images for entry in split.classes if entry.key})
