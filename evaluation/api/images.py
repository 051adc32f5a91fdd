"""`batches/{id}/images`: the images of a batch with their scores, looked through, discarded and restored."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from evaluation.api.image_filters import (
    DiscardSerializer,
    ImageQuerySerializer,
    RestoreSerializer,
    chosen_indexes,
    query_of,
    window_of,
)
from evaluation.services import curating, gallery, thumbnails
from generation.api.serializers import SyntheticImageSerializer
from generation.models import MAX_BATCH_SIZE, Batch, ImageDecision, SyntheticImage
from synthlab.core.api.filters import PAGE_PARAMETERS
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.pagination import CursorPages
from synthlab.core.api.responses import paged
from synthlab.core.people import person_of

INDEXES = OpenApiParameter(
    "indexes", str, required=True, description="which images, such as `0-99,140`; 256 at most"
)
BYTES = {(200, thumbnails.CONTENT_TYPE): OpenApiTypes.BINARY}


class ScoredImageSerializer(SyntheticImageSerializer):
    """An image with what the latest evaluation says of it, and why it was put aside, if it was."""

    distance = serializers.FloatField(read_only=True, source="score_distance")
    ratio = serializers.FloatField(read_only=True, source="score_ratio")
    p_value = serializers.FloatField(read_only=True, source="score_p")
    flags = serializers.ListField(
        child=serializers.CharField(), read_only=True, allow_null=True, source="score_flags"
    )
    discarded = serializers.CharField(
        read_only=True, allow_null=True, source="discard_reason", help_text="the reason; null: it is kept"
    )

    class Meta:
        model = SyntheticImage
        fields = (*SyntheticImageSerializer.Meta.fields, "distance", "ratio", "p_value", "flags", "discarded")
        read_only_fields = fields


class ImageDecisionSerializer(serializers.ModelSerializer[ImageDecision]):
    class Meta:
        model = ImageDecision
        fields = (
            "id", "action", "reason", "comment", "indexes", "image_count", "made_by", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class CuratedSerializer(serializers.Serializer[curating.Curated]):
    """What a discard or a restore changed."""

    decision = ImageDecisionSerializer(allow_null=True)
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="images that were as wished already")
    in_studies = serializers.IntegerField(help_text="of the changed ones: studies hold them, and keep them")
    release_ended = serializers.BooleanField(help_text="the batch is not released any more")


class CountsSerializer(serializers.Serializer[gallery.Counts]):
    """How many images there are; all but `images` and `discarded` speak of kept ones."""

    images = serializers.IntegerField()
    kept = serializers.IntegerField()
    discarded = serializers.IntegerField()
    measured = serializers.IntegerField()
    flagged = serializers.IntegerField()
    classes = serializers.DictField(child=serializers.IntegerField())
    flags = serializers.DictField(child=serializers.IntegerField())


class CellSerializer(serializers.Serializer[dict[str, Any]]):
    """What the frame of a thumbnail shows."""

    index = serializers.IntegerField()
    ratio = serializers.FloatField(allow_null=True)
    flags = serializers.ListField(child=serializers.CharField())
    discarded = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        # `class` is a word of Python's own.
        return {**super().get_fields(), "class": serializers.CharField()}


class ImagePages(CursorPages):
    """Images by their score can all be tied, as those of a collapsed generator are."""

    offset_cutoff = MAX_BATCH_SIZE


class BatchImageViewSet(GenericViewSet[SyntheticImage]):
    """The images of one batch."""

    serializer_class = ScoredImageSerializer
    queryset = SyntheticImage.objects.none()
    pagination_class = ImagePages
    filter_backends = ()

    def _batch(self) -> Batch:
        rows = Batch.objects.visible_to(person_of(self.request)).select_related("generator__dataset")
        return get_object_or_404(rows, pk=self.kwargs["pk"])

    @extend_schema(parameters=[ImageQuerySerializer])
    def list(self, request: Request, pk: UUID) -> Response:
        """Images with recipe, scores and flags, by cursor."""
        wishes, ordering = query_of(request, *PAGE_PARAMETERS)
        pages = ImagePages(gallery.ORDERS[ordering])
        page = pages.paginate_queryset(gallery.listed(self._batch(), wishes, ordering), request, self)
        return pages.get_paginated_response(ScoredImageSerializer(page, many=True).data)

    @extend_schema(parameters=[ImageQuerySerializer], responses=BYTES)
    def indexes(self, request: Request, pk: UUID) -> HttpResponse:
        """The indexes of all images that a filter leaves, in order: unsigned 32-bit numbers, low byte first."""
        wishes, ordering = query_of(request)
        found = gallery.matching_indexes(self._batch(), wishes, ordering)
        return HttpResponse(gallery.little_endian(found), content_type=thumbnails.CONTENT_TYPE)

    @extend_schema(responses=CountsSerializer)
    def counts(self, request: Request, pk: UUID) -> Response:
        """How many images there are of each class and with each flag."""
        return Response(CountsSerializer(gallery.counts_of(self._batch())).data)

    @extend_schema(parameters=[INDEXES], responses=CellSerializer(many=True))
    def cells(self, request: Request, pk: UUID) -> Response:
        """Class, score, flags and discard reason of some images."""
        return Response(gallery.cells(self._batch(), window_of(request)))

    @extend_schema(parameters=[INDEXES], responses=BYTES)
    def thumbnails(self, request: Request, pk: UUID) -> HttpResponseBase:
        """The files of some images in one answer (docs/reference/api.md has the layout)."""
        pack = thumbnails.pack_files(self._batch(), window_of(request))
        response = HttpResponse(pack.content, content_type=thumbnails.CONTENT_TYPE)
        # An index names the same image for ever, once it is there.
        kept = "private, max-age=31536000, immutable" if pack.is_whole else "no-store"
        response.headers["Cache-Control"] = kept
        return response

    @extend_schema(responses=ImageDecisionSerializer(many=True))
    def decisions(self, request: Request, pk: UUID) -> Response:
        """What was discarded and restored, by whom and why, newest first."""
        return paged(
            self,
            self._batch().image_decisions.all(),
            ImageDecisionSerializer,
            ordering=("-created_at", "-id"),
        )

    @extend_schema(request=DiscardSerializer, responses=CuratedSerializer)
    @idempotent
    def discard(self, request: Request, pk: UUID) -> Response:
        """Put images aside: they are neither measured nor given to studies from now on."""
        batch, choice = self._batch(), _validated(DiscardSerializer(data=request.data))
        made = curating.discard_images(
            actor=person_of(request),
            batch=batch,
            indexes=chosen_indexes(batch, choice),
            reason=choice["reason"],
            comment=choice["comment"],
        )
        return Response(CuratedSerializer(made).data)

    @extend_schema(request=RestoreSerializer, responses=CuratedSerializer)
    @idempotent
    def restore(self, request: Request, pk: UUID) -> Response:
        """Take images back that were put aside."""
        batch, choice = self._batch(), _validated(RestoreSerializer(data=request.data))
        made = curating.restore_images(
            actor=person_of(request), batch=batch, indexes=chosen_indexes(batch, choice)
        )
        return Response(CuratedSerializer(made).data)


def _validated(body: serializers.Serializer[Any]) -> dict[str, Any]:
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)
