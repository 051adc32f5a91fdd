"""Looking through the images of a batch: filters, orders and counts over any number of them.

`index` names an image within its batch. The list that a filter leaves is small enough to be sent as bare indexes (four
bytes an image); everything else is asked for by index, a window at a time, whatever the order.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, F, FilteredRelation, Q, QuerySet, TextField
from django.db.models.functions import Cast

from evaluation.models import Evaluation, EvaluationState, ImageScore
from generation.models import Batch, SyntheticImage

# What a measurement may say of one image (`evaluation.ml.report.ImageScore`), the gravest first.
FLAG_TITLES = {
    "identical": "Identical to a training image",
    "identical_reference": "Identical to a validation image",
    "copy": "Nearer to a training image than unseen real ones are",
    "duplicate": "The same as another image of the batch",
    "constant": "One flat colour",
}
FLAGS = tuple(FLAG_TITLES)
ANY, NONE = "any", "none"
# What `discarded` says, in an address and in a body.
DISCARDED = {"true": True, "false": False, "all": None}
# An order by the score lists measured images only.
ORDERS: dict[str, tuple[str, ...]] = {
    "index": ("index",),
    "ratio": ("score_ratio", "index"),
    "-ratio": ("-score_ratio", "-index"),
}
# An id that no evaluation has: the images of a batch that nobody measured have no score.
_NOBODY = UUID(int=0)


@dataclass(frozen=True)
class ImageFilter:
    """Which images of a batch are wanted.

    Attributes:
        class_key: Of this class; the empty text: of none; None: of any.
        flag: With this flag of the latest evaluation; `any`; or `none`: measured, and without any.
        min_ratio: Measured, with a nearest-real ratio of at least this.
        max_ratio: And at most this.
        discarded: Put aside, or kept; None: both.
    """

    class_key: str | None = None
    flag: str = ""
    min_ratio: float | None = None
    max_ratio: float | None = None
    discarded: bool | None = None

    @property
    def condition(self) -> Q:
        """As a condition on `scored_images`."""
        wanted = Q()
        if self.class_key is not None:
            wanted &= Q(class_key=self.class_key)
        if self.flag == NONE:
            wanted &= Q(flag_text__isnull=False) & ~Q(flag_text__contains='"')
        elif self.flag:
            wanted &= Q(flag_text__contains='"' if self.flag == ANY else f'"{self.flag}"')
        if self.min_ratio is not None:
            wanted &= Q(score_ratio__gte=self.min_ratio)
        if self.max_ratio is not None:
            wanted &= Q(score_ratio__lte=self.max_ratio)
        if self.discarded is not None:
            wanted &= Q(discard__isnull=not self.discarded)
        return wanted


def latest_evaluation(batch: Batch) -> Evaluation | None:
    """The newest finished measurement of a batch: its scores are those that are shown."""
    rows = Evaluation.objects.filter(image_set__batch=batch, state=EvaluationState.SUCCEEDED)
    return rows.order_by("-created_at").first()


def scored_images(batch: Batch, evaluation: Evaluation | None) -> Any:
    """The images of a batch, each beside its score of one evaluation; without one where it was not measured.

    A SyntheticImageQuerySet; types cannot follow its annotations from here into other functions.
    """
    of_evaluation = Q(scores__evaluation=evaluation.pk if evaluation else _NOBODY)
    return batch.images.annotate(
        score=FilteredRelation("scores", condition=of_evaluation),
        score_ratio=F("score__ratio"),
        # Flags are a list in JSON, which SQLite cannot search; in its text each is a word in quotes.
        flag_text=Cast("score__flags", TextField()),
    )


def matching(batch: Batch, wishes: ImageFilter, ordering: str = "index") -> QuerySet[Any]:
    """The images that a filter leaves, in an order of `ORDERS`."""
    rows: QuerySet[Any] = scored_images(batch, latest_evaluation(batch))
    if ordering != "index":
        rows = rows.filter(score_ratio__isnull=False)
    return rows.filter(wishes.condition).order_by(*ORDERS[ordering])


def listed(batch: Batch, wishes: ImageFilter, ordering: str) -> QuerySet[Any]:
    """The images that a filter leaves with all that a list tells of them."""
    rows: QuerySet[Any] = matching(batch, wishes, ordering)
    if ordering != "index":
        # No less than nothing: said as a range, SQLite reads a page from the index of the scores and sorts no list.
        # For a whole list that would be the slower way: 100,000 images looked up in the order of their scores.
        rows = rows.filter(score_ratio__gte=0)
    told: QuerySet[Any] = rows.select_related("batch").annotate(
        score_distance=F("score__distance"),
        score_p=F("score__p_value"),
        score_flags=F("score__flags"),
        discard_reason=F("discard__reason"),
    )
    return told


def little_endian(numbers: array[int]) -> bytes:
    """Their bytes, low byte first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def matching_indexes(batch: Batch, wishes: ImageFilter, ordering: str = "index") -> array[int]:
    """Their indexes alone, as unsigned numbers of 32 bits."""
    return array("I", matching(batch, wishes, ordering).values_list("index", flat=True).iterator(10_000))


def cells(batch: Batch, indexes: Collection[int]) -> list[dict[str, Any]]:
    """What a thumbnail's frame shows, by index, of these images."""
    rows = scored_images(batch, latest_evaluation(batch)).filter(index__in=indexes).order_by("index")
    fields = ("index", "class_key", "score_ratio", "score__flags", "discard__reason")
    return [
        {
            "index": index,
            "class": class_key,
            "ratio": ratio,
            "flags": flags or [],
            "discarded": reason,
        }
        for index, class_key, ratio, flags, reason in rows.values_list(*fields)
    ]


@dataclass(frozen=True)
class Counts:
    """How many images a batch has of which kind; `classes` and `flags` count the kept ones."""

    images: int
    kept: int
    discarded: int
    measured: int
    flagged: int
    classes: Mapping[str, int]
    flags: Mapping[str, int]


def counts_of(batch: Batch) -> Counts:
    """Count once through the images and once through the scores."""
    classes = _tally(batch.images.kept(), "class_key")
    gone = batch.images.discarded().count()
    scores = ImageScore.objects.filter(evaluation=latest_evaluation(batch))
    by_text = _tally(scores.annotate(flag_text=Cast("flags", TextField())), "flag_text")
    # Few are discarded: taking them off is quicker than joining all images to their scores.
    by_text.subtract(_tally(scored_images(batch, latest_evaluation(batch)).discarded(), "flag_text"))
    flags = {flag: sum(n for text, n in by_text.items() if text and f'"{flag}"' in text) for flag in FLAGS}
    return Counts(
        images=classes.total() + gone,
        kept=classes.total(),
        discarded=gone,
        measured=sum(n for text, n in by_text.items() if text),
        flagged=sum(n for text, n in by_text.items() if text and '"' in text),
        classes=classes,
        flags={flag: count for flag, count in flags.items() if count},
    )


def _tally(rows: QuerySet[Any], name: str) -> Counter[str]:
    """How many rows have which value."""
    return Counter(dict(rows.order_by().values_list(name).annotate(n=Count("pk"))))


def neighbours(
    batch: Batch, image: SyntheticImage, wishes: ImageFilter, ordering: str
) -> tuple[int | None, int | None]:
    """The indexes before and after an image in a filtered order; the image itself need not match."""
    rows = matching(batch, wishes, ordering)
    if ordering == "index":
        before, after = Q(index__lt=image.index), Q(index__gt=image.index)
    else:
        ratio = scored_images(batch, latest_evaluation(batch)).values_list("score_ratio", flat=True)
        place = ratio.get(pk=image.pk)
        if place is None:
            return None, None
        before = Q(score_ratio__lt=place) | Q(score_ratio=place, index__lt=image.index)
        after = Q(score_ratio__gt=place) | Q(score_ratio=place, index__gt=image.index)
        if ordering.startswith("-"):
            before, after = after, before
    indexes = rows.values_list("index", flat=True)
    return indexes.filter(before).reverse().first(), indexes.filter(after).first()
