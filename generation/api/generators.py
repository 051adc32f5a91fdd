"""`generators`: look, retire, sample through the model service (approval needs evidence: evaluation)."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from generation.api.dataset_serializers import GeneratorDetailSerializer
from generation.api.serializers import GeneratorSerializer, SampleSerializer
from generation.models import Generator
from generation.services import generators, model_service
from synthlab.core.people import person_of

SAMPLE_TYPES = ("application/zip", "image/png", "application/x-npz")


class GeneratorViewSet(mixins.ListModelMixin, GenericViewSet[Generator]):
    serializer_class = GeneratorSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("dataset", "state")
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Generator]:
        return Generator.objects.visible_to(person_of(self.request))

    @extend_schema(responses=GeneratorDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(GeneratorDetailSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=GeneratorSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: UUID) -> Response:
        generator = generators.retire_generator(actor=person_of(request), generator=self.get_object())
        return Response(GeneratorSerializer(generator).data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True)
    def weights(self, request: Request, pk: UUID) -> HttpResponseBase:
        """The generator's file, for those with `view_real`: with it `synthlab sample` and `replay` work anywhere."""
        return generators.serve_weights(
            request._request, actor=person_of(request), generator=self.get_object()
        )

    @extend_schema(
        request=SampleSerializer,
        responses={(200, kind): OpenApiTypes.BINARY for kind in SAMPLE_TYPES},
    )
    @action(detail=True, methods=["post"])
    def sample(self, request: Request, pk: UUID) -> HttpResponse:
        """A few images at once, as a zip of PNG files, one PNG grid or an npz; nothing is stored."""
        body = SampleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sample = model_service.sample_generator(
            actor=person_of(request), generator=self.get_object(), **body.validated_data
        )
        headers = {model_service.RECIPE_HEADER: sample.recipe, "Cache-Control": "private, no-store"}
        return HttpResponse(sample.content, content_type=sample.content_type, headers=headers)
