"""`batches`; `images/{id}/file` serves the bytes of an image. Lists of images, with their scores, are evaluation's."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from generation.api.answers import started
from generation.api.serializers import (
    BatchSerializer,
    BatchWriteSerializer,
    SyntheticImageSerializer,
)
from generation.models import Batch, Generator, SourceImage, SyntheticImage
from generation.services import archives, batches, images
from synthlab.core.api.idempotency import idempotent
from synthlab.core.files import serve_file
from synthlab.core.people import person_of


class BatchViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Batch]):
    serializer_class = BatchSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("generator", "state")
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Batch]:
        return Batch.objects.visible_to(person_of(self.request)).with_image_count()

    @extend_schema(request=BatchWriteSerializer, responses={202: BatchSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = BatchWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wishes = body.validated_data
        visible = Generator.objects.visible_to(person_of(request))
        generator = get_object_or_404(visible, pk=wishes.pop("generator"))
        batch = batches.request_batch(actor=person_of(request), generator=generator, **wishes)
        return self._started(batch)

    @extend_schema(
        parameters=[
            OpenApiParameter("format", enum=list(archives.FORMATS), default="zip"),
            OpenApiParameter("images", enum=list(archives.SELECTIONS), default="all"),
        ],
        responses={(200, content_type): OpenApiTypes.BINARY for _, content_type in archives.FORMATS.values()},
    )
    @action(detail=True)
    def archive(self, request: Request, pk: UUID) -> HttpResponseBase:
        """The images that an ended batch holds, as a zip or a WebDataset tar; answers `Range`, so it can be resumed."""
        form = request.query_params.get("format", "zip")
        selection = request.query_params.get("images", "all")
        return archives.serve_archive(
            request._request, batch=self.get_object(), form=form, selection=selection
        )

    @extend_schema(request=None, responses={202: BatchSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        batch = batches.cancel_batch(actor=person_of(request), batch=self.get_object())
        return self._started(batch)

    def _started(self, batch: Batch) -> Response:
        return started(batch, BatchSerializer(self.get_queryset().get(pk=batch.pk)).data)


class ImageViewSet(GenericViewSet[SyntheticImage]):
    """Bytes of one image: a synthetic one of the person's batches, or a real one by the `view_real` grant."""

    serializer_class = SyntheticImageSerializer
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[SyntheticImage]:
        return SyntheticImage.objects.visible_to(person_of(self.request)).select_related("batch")

    @extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY})
    @action(detail=True)
    def file(self, request: Request, pk: UUID) -> HttpResponseBase:
        synthetic = self.get_queryset().filter(pk=pk).first()
        if synthetic:
            return serve_file(request, synthetic.digest, content_type="image/png")
        viewable = SourceImage.objects.viewable_by(person_of(request)).present()
        real = get_object_or_404(viewable.select_related("dataset"), pk=pk)
        return images.serve_real_image(request, actor=person_of(request), image=real)
