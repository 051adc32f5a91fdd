"""`studies/{id}/exemplars`: pictures beside the guideline. Everybody in the study sees them, without an image's id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from annotation.api.pixels import answer_pixels
from annotation.models import Study, StudyExemplar
from annotation.services.access import require_manager
from annotation.services.exemplars import MAX_CAPTION, add_exemplar, remove_exemplar
from generation.api.answers import StrictSerializer
from generation.models import SyntheticImage
from synthlab.core.api.idempotency import idempotent
from synthlab.core.people import person_of


class ExemplarSerializer(serializers.ModelSerializer[StudyExemplar]):
    """An exemplar as readers see it: nothing that leads to the image."""

    label_class = serializers.CharField(source="label_class.key", read_only=True)
    pixels_url = serializers.SerializerMethodField()

    class Meta:
        model = StudyExemplar
        fields = ("id", "label_class", "caption", "pixels_url")
        read_only_fields = fields

    def get_pixels_url(self, row: StudyExemplar) -> str:
        return reverse("study-exemplar-pixels", args=[row.study_id, row.pk])


class ExemplarWriteSerializer(StrictSerializer):
    image = serializers.UUIDField()
    label_class = serializers.CharField(max_length=60)
    caption = serializers.CharField(max_length=MAX_CAPTION)


class ExemplarViewSet(GenericViewSet[Any]):
    serializer_class = ExemplarSerializer

    def get_queryset(self) -> QuerySet[Study]:
        return Study.objects.visible_to(person_of(self.request)).select_related("schema")

    @extend_schema(responses=ExemplarSerializer(many=True))
    def index(self, request: Request, pk: UUID) -> Response:
        """All exemplars of the study, in the order of its classes."""
        rows = self.get_object().exemplars.shown()
        return Response({"results": ExemplarSerializer(rows, many=True).data})

    @extend_schema(request=ExemplarWriteSerializer, responses={201: ExemplarSerializer})
    @idempotent
    def create(self, request: Request, pk: UUID) -> Response:
        """Hold up a synthetic image that nobody will read; for managers who may see it."""
        study, user = self.get_object(), person_of(request)
        require_manager(user, study)
        body = ExemplarWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wishes: dict[str, Any] = body.validated_data
        wishes["image"] = get_object_or_404(SyntheticImage.objects.visible_to(user), pk=wishes["image"])
        row = add_exemplar(actor=user, study=study, **wishes)
        return Response(ExemplarSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID, exemplar: UUID) -> Response:
        """Show it no more."""
        row = get_object_or_404(self.get_object().exemplars.select_related("study"), pk=exemplar)
        remove_exemplar(actor=person_of(request), exemplar=row)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def pixels(self, request: Request, pk: UUID, exemplar: UUID) -> HttpResponse:
        """Its samples, as `reads/{id}/pixels` gives those of a read."""
        study = self.get_object()
        return answer_pixels(request, study, get_object_or_404(study.exemplars.shown(), pk=exemplar).image)
