"""Which images of a batch a request means: by filter, by id or by index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request

from evaluation.services.gallery import ANY, DISCARDED, FLAGS, NONE, ORDERS, ImageFilter, matching_indexes
from generation.api.answers import NumberField, StrictSerializer
from generation.models import MAX_BATCH_SIZE, Batch, DiscardReason
from generation.models.curation import indexes_in
from synthlab.core.api.errors import InvalidQuery
from synthlab.core.api.filters import words_of
from synthlab.core.exceptions import InvalidInput

WINDOW = 256
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


class ImageFilterSerializer(StrictSerializer):
    """A filter, in a query or in a body: the same members either way."""

    flag = serializers.ChoiceField(
        choices=(*FLAGS, ANY, NONE), required=False, help_text="of the latest evaluation"
    )
    min_ratio = NumberField(required=False, help_text="nearest-real ratio, at least")
    max_ratio = NumberField(required=False, help_text="nearest-real ratio, at most")
    discarded = serializers.ChoiceField(choices=tuple(DISCARDED), default="all")

    def get_fields(self) -> dict[str, Any]:
        # `class` is a word of Python's own.
        of_class = serializers.CharField(max_length=60, required=False, allow_blank=True, source="class_key")
        return {"class": of_class, **super().get_fields()}

    @classmethod
    def filter_of(cls, data: Mapping[str, Any]) -> ImageFilter:
        """The filter that these members make; raises REST framework's ValidationError."""
        body = cls(data=data)
        body.is_valid(raise_exception=True)
        wishes = dict(body.validated_data)
        return ImageFilter(discarded=DISCARDED[wishes.pop("discarded")], **wishes)


class ImageQuerySerializer(ImageFilterSerializer):
    """A filter with an order: what a list takes in its query."""

    ordering = serializers.ChoiceField(choices=tuple(ORDERS), default="index")


def query_of(request: Request, *others: str) -> tuple[ImageFilter, str]:
    """Filter and order from a query, in which `others` may stand as well.

    Raises:
        InvalidQuery: A parameter is unknown, or its value does not fit.
    """
    told = {name: value for name, value in request.query_params.items() if name not in others}
    ordering = told.pop("ordering", "index")
    if ordering not in ORDERS:
        raise InvalidQuery(f"ordering: one of {', '.join(ORDERS)}.")
    try:
        return ImageFilterSerializer.filter_of(told), ordering
    except serializers.ValidationError as error:
        raise InvalidQuery(words_of(error)) from error


def window_of(request: Request) -> list[int]:
    """The indexes in `?indexes=0-99,140`, in the order given.

    Raises:
        InvalidQuery: It is missing, malformed, or names more than a window's images.
    """
    found: list[int] = []
    for word in request.query_params.get("indexes", "").split(","):
        match = _RANGE.fullmatch(word)
        if match is None:
            raise InvalidQuery("indexes: numbers and ranges with commas between them, such as 0-99,140.")
        first, last = int(match[1]), int(match[2] or match[1])
        found += range(first, min(last, first + WINDOW) + 1)
        if len(found) > WINDOW:
            raise InvalidQuery(f"indexes: At most {WINDOW} images at once.")
    return found


class ChoiceSerializer(StrictSerializer):
    """One of the members says which images are meant."""

    images = serializers.ListField(
        child=serializers.UUIDField(), max_length=10_000, required=False, help_text="ids of images"
    )
    indexes = serializers.ListField(
        child=serializers.ListField(
            child=serializers.IntegerField(min_value=0, max_value=MAX_BATCH_SIZE - 1),
            min_length=2,
            max_length=2,
        ),
        max_length=MAX_BATCH_SIZE,
        required=False,
        help_text="[[first, last], …] within the batch, both included",
    )
    filter = ImageFilterSerializer(required=False)
    ways: tuple[str, ...] = ("images", "indexes", "filter")

    def to_internal_value(self, data: Any) -> Any:
        told = super().to_internal_value(data)
        if isinstance(data, Mapping) and "filter" in data:
            told["filter"] = ImageFilterSerializer.filter_of(data["filter"])
        return told

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in self.ways) != 1:
            raise serializers.ValidationError(f"Give one of {', '.join(self.ways)}.")
        return attrs


class DiscardSerializer(ChoiceSerializer):
    reason = serializers.ChoiceField(choices=DiscardReason.choices)
    comment = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class RestoreSerializer(ChoiceSerializer):
    decision = serializers.UUIDField(
        required=False, help_text="of a discard: what it put aside and is out still"
    )
    ways = ("images", "indexes", "filter", "decision")


def chosen_indexes(batch: Batch, choice: Mapping[str, Any]) -> set[int]:
    """The indexes of the images that a validated choice means.

    Raises:
        InvalidInput: A range runs backwards, or an id is not of this batch.
    """
    if "images" in choice:
        return _by_id(batch, choice["images"])
    if "indexes" in choice:
        return _in_ranges(choice["indexes"])
    if "decision" in choice:
        return set(batch.images.filter(discard=choice["decision"]).values_list("index", flat=True))
    return set(matching_indexes(batch, choice["filter"]))


def _by_id(batch: Batch, ids: Sequence[UUID]) -> set[int]:
    found = set(batch.images.filter(pk__in=ids).values_list("index", flat=True))
    if missing := len(set(ids)) - len(found):
        raise InvalidInput("image_not_in_batch", f"images: {missing:,} of them are not of this batch.")
    return found


def _in_ranges(ranges: Iterable[Sequence[int]]) -> set[int]:
    for first, last in ranges:
        if last < first:
            raise InvalidInput("bad_range", f"indexes: [{first}, {last}] runs backwards.")
    return indexes_in(ranges)
