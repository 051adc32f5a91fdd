"""The loss ledger: what a format's own files cannot hold, and how many values that costs this very release.

Nothing is lost to the archive: `annotations/labels.json` holds every value in every format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from annotation.export.cells import safe_cell
from annotation.export.rows import MemberRow, SchemaRow

LONG_TITLE = 64
_PLACES = {"box": "boxes", "polygon": "polygons", "point": "points", "mask": "masks"}


@dataclass(slots=True)
class Tally:
    """How many values of each sort a release holds.

    Attributes:
        images: Images; each has one reader and one recipe.
        labels: Classes of whole images, all images together.
        extra_labels: Classes of whole images beyond the first one of each image.
        sites: Images with an anatomical site.
        confidences: Images whose reader stated a confidence.
        reviews: Reviewers, all images together.
        splits: Images with a split.
        boxes: Regions that are boxes; so `polygons`, `points` and `masks`.
        coded_classes: Classes of the schema that carry a code of a terminology.
        formula_like: Texts of the schema that a spreadsheet could take for a formula; answers hold only its keys.
        per_class: Images of each class; this and the next two are for data sheets, and not counted for previews.
        readers: Pseudonyms of all readers.
        reviewers: Pseudonyms of all reviewers.
        long_titles: Titles of classes, sites and codes of more than 64 bytes in UTF-8.
    """

    images: int = 0
    labels: int = 0
    extra_labels: int = 0
    sites: int = 0
    confidences: int = 0
    reviews: int = 0
    splits: int = 0
    boxes: int = 0
    polygons: int = 0
    points: int = 0
    masks: int = 0
    coded_classes: int = 0
    formula_like: int = 0
    long_titles: int = 0
    per_class: dict[str, int] = field(default_factory=dict, compare=False)
    readers: set[str] = field(default_factory=set, compare=False)
    reviewers: set[str] = field(default_factory=set, compare=False)

    @property
    def regions(self) -> int:
        """Regions of every kind."""
        return self.boxes + self.polygons + self.points + self.masks

    def add(self, member: MemberRow) -> None:
        """Count one image."""
        self.images += 1
        self.labels += len(member.classes)
        self.extra_labels += max(len(member.classes) - 1, 0)
        self.sites += bool(member.site)
        self.confidences += member.confidence is not None
        self.reviews += len(member.reviewers)
        self.splits += bool(member.split)
        self.readers.add(member.reader)
        self.reviewers.update(member.reviewers)
        for key in member.classes:
            self.per_class[key] = self.per_class.get(key, 0) + 1
        for region in member.regions:
            self.add_regions(region.kind, 1)

    def add_regions(self, kind: str, count: int) -> None:
        """Count regions of one kind."""
        name = _PLACES[kind]
        setattr(self, name, getattr(self, name) + count)


@dataclass(frozen=True, slots=True)
class LossKind:
    """Something that a format cannot hold.

    Attributes:
        code: Its stable name.
        sentence: What it is, for people.
        count: How many values of a release it costs.
        only_with: The option and its value with which it is lost; otherwise it always is.
    """

    code: str
    sentence: str
    count: Callable[[Tally], int]
    only_with: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """What a release loses in a format: `values` of them."""

    code: str
    sentence: str
    values: int


def tally_schema(schema: SchemaRow, members: Tally | None = None) -> Tally:
    """Count what the schema says, beside what was counted of members."""
    titles = [title for row in schema.classes for title in (row.title, row.code_display)]
    texts = [text for row in schema.classes for text in (row.key, row.kind, row.code_system, row.code)]
    return replace(
        members or Tally(),
        coded_classes=sum(bool(row.code) for row in schema.classes),
        formula_like=sum(safe_cell(text) != text for text in [*texts, *titles]),
        long_titles=sum(
            len(title.encode()) > LONG_TITLE for title in [*titles, *(title for _, title in schema.sites)]
        ),
    )


def count_losses(kinds: Iterable[LossKind], tally: Tally, options: Mapping[str, object]) -> tuple[Loss, ...]:
    """The ledger of one format: every loss, those that cost this release nothing included."""
    return tuple(
        Loss(kind.code, kind.sentence, kind.count(tally))
        for kind in kinds
        if kind.only_with is None or options.get(kind.only_with[0]) == kind.only_with[1]
    )


# What several formats share.
PEOPLE = LossKind(
    "people",
    "Who read and who reviewed (pseudonyms) is not there.",
    lambda tally: tally.images + tally.reviews,
)
RECIPE = LossKind("recipe", "The recipe that makes an image again is not there.", lambda tally: tally.images)
SITE = LossKind("site", "The anatomical site is not there.", lambda tally: tally.sites)
CONFIDENCE = LossKind("confidence", "How sure the reader was is not there.", lambda tally: tally.confidences)
CODES = LossKind(
    "codes", "Codes of terminologies beside the classes are not there.", lambda tally: tally.coded_classes
)
IMAGE_CLASSES = LossKind(
    "image_classes",
    "The classes of a whole image are not there, only those of its regions.",
    lambda tally: tally.labels,
)
POINTS = LossKind("points", "Points are not there.", lambda tally: tally.points)
SPLITS = LossKind("splits", "The split (train, val, test) is not there.", lambda tally: tally.splits)
BESIDE = (SITE, CONFIDENCE, PEOPLE, RECIPE, CODES)
