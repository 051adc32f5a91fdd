"""What real images have gone into: shown before they are withdrawn, and ever after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet

from generation.models import (
    Batch,
    Dataset,
    Generator,
    GeneratorState,
    Manifest,
    SourceImage,
    Split,
    Training,
    TrainingState,
)
from generation.services.manifests import manifest_digest_of
from synthlab.accounts.models import User
from synthlab.core.erasure import Trace, traces_of

UNFINISHED = (TrainingState.QUEUED, TrainingState.RUNNING, TrainingState.PAUSED)


@dataclass(frozen=True)
class Touched:
    """Something of ours that grew from the images.

    Attributes:
        row: The training, generator or batch.
        images: How many of the images went into it; None where nobody can say.
    """

    row: Training | Generator | Batch
    images: int | None

    def to_mapping(self) -> dict[str, Any]:
        """The row as plain JSON."""
        told = {"id": str(self.row.pk), "state": str(self.row.state), "images": self.images}
        if isinstance(self.row, Generator):
            return {**told, "name": self.row.name, "digest": self.row.digest}
        return {**told, "count": self.row.count} if isinstance(self.row, Batch) else told


@dataclass(frozen=True)
class Consequences:
    """What a withdrawal of some images touches, or touched.

    Attributes:
        image_count, group_count: What goes.
        by_split: split → images.
        trainings: Runs that learnt from the images, or were watched with them; unfinished ones are stopped.
        generators: What came out of those runs, and imported ones of which nobody can say what they saw.
        batches: What those generators made.
        traces: What other apps hold.
        elsewhere: Data sets of the same person that hold the same pixels; they keep them.
    """

    image_count: int
    group_count: int
    by_split: dict[str, int]
    trainings: list[Touched] = field(default_factory=list)
    generators: list[Touched] = field(default_factory=list)
    batches: list[Touched] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    elsewhere: list[Dataset] = field(default_factory=list)

    @property
    def to_decide(self) -> list[Touched]:
        """Generators in use about which the owner has to decide."""
        return [item for item in self.generators if item.row.state != GeneratorState.RETIRED]

    @property
    def stopping(self) -> list[Touched]:
        """Runs that have not ended."""
        return [item for item in self.trainings if item.row.state in UNFINISHED]

    def to_mapping(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return {
            "image_count": self.image_count,
            "group_count": self.group_count,
            "by_split": self.by_split,
            "trainings": [item.to_mapping() for item in self.trainings],
            "generators": [item.to_mapping() for item in self.generators],
            "batches": [item.to_mapping() for item in self.batches],
            "traces": [trace.to_mapping() for trace in self.traces],
            "elsewhere": [{"id": str(dataset.pk), "name": dataset.name} for dataset in self.elsewhere],
        }


def consequences_of(dataset: Dataset, images: QuerySet[SourceImage], *, seen_by: User) -> Consequences:
    """What these images of a data set went into.

    Args:
        dataset: Theirs.
        images: Present ones before a withdrawal, tombstones after it.
        seen_by: Who asks: other data sets are named only where they may see them.
    """
    ids = list(images.order_by().values_list("pk", flat=True))
    splits = images.order_by().values("group__split").annotate(n=Count("pk"))
    seen = _seen_by_manifest(dataset, images)
    trainings = [
        Touched(training, seen[training.manifest_digest])
        for training in dataset.trainings.filter(manifest_digest__in=seen).order_by("created_at")
    ]
    generators = _generators(dataset, seen, images)
    made = Batch.objects.filter(generator__in=[item.row.pk for item in generators]).order_by("created_at")
    by_generator = {item.row.pk: item.images for item in generators}
    return Consequences(
        image_count=len(ids),
        group_count=images.order_by().values("group").distinct().count(),
        by_split={row["group__split"]: row["n"] for row in splits},
        trainings=trainings,
        generators=generators,
        batches=[Touched(batch, by_generator[batch.generator_id]) for batch in made],
        traces=list(traces_of(ids)),
        elsewhere=list(_elsewhere(dataset, images, seen_by)),
    )


def _seen_by_manifest(dataset: Dataset, images: QuerySet[SourceImage]) -> dict[str, int]:
    """Manifest digest → how many of the images stand in it; only those in which one does."""
    through = Manifest.images.through.objects.filter(
        manifest__dataset=dataset, sourceimage__in=images.order_by()
    )
    counted = through.values("manifest__digest").annotate(n=Count("pk")).order_by()
    return {row["manifest__digest"]: row["n"] for row in counted}


def touched_generators(dataset: Dataset, images: QuerySet[SourceImage]) -> list[Touched]:
    """Generators that learnt from any of these images of a data set, and those of which nobody can say."""
    return _generators(dataset, _seen_by_manifest(dataset, images), images)


def _generators(dataset: Dataset, seen: dict[str, int], images: QuerySet[SourceImage]) -> list[Touched]:
    known = set(dataset.manifests.values_list("digest", flat=True))
    of_unknown = None if images.filter(group__split=Split.TRAIN).exists() else 0
    found = []
    for generator in dataset.generators.select_related("training").order_by("created_at"):
        digest = manifest_digest_of(generator)
        count = seen.get(digest, 0) if digest in known else of_unknown
        if count != 0:
            found.append(Touched(generator, count))
    return found


def _elsewhere(dataset: Dataset, images: QuerySet[SourceImage], user: User) -> QuerySet[Dataset]:
    same = SourceImage.objects.present().filter(pixel_digest__in=images.order_by().values("pixel_digest"))
    visible = Dataset.objects.visible_to(user).exclude(pk=dataset.pk)
    return visible.filter(pk__in=same.values("dataset"))


def generators_to_decide(dataset: Dataset) -> list[Touched]:
    """Generators still in use that learnt from images which were withdrawn since."""
    gone = dataset.images.filter(withdrawn_at__isnull=False)
    if not gone.exists():
        return []
    touched = touched_generators(dataset, gone)
    return [item for item in touched if item.row.state != GeneratorState.RETIRED]


def withdrawn_since(generator: Generator) -> int | None:
    """How many images that a generator was trained with were withdrawn since; None where nobody can say."""
    digest = manifest_digest_of(generator)
    manifest = Manifest.objects.filter(dataset=generator.dataset_id, digest=digest).first()
    if manifest is not None:
        return manifest.images.filter(withdrawn_at__isnull=False).count()
    gone = SourceImage.objects.filter(dataset=generator.dataset_id, withdrawn_at__isnull=False)
    return None if gone.in_split(Split.TRAIN).exists() else 0
