"""`datasets/{id}/rejections`: what the cleaning refused, to be looked at and decided about."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from generation.api.answers import StrictSerializer
from generation.api.serializers import RejectionSerializer, SourceImageSerializer
from generation.models import Dataset, Rejection
from generation.services import rejections
from synthlab.core.api.idempotency import idempotent
from synthlab.core.people import person_of

PNG = {(200, "image/png"): OpenApiTypes.BINARY}


class ConfirmSerializer(StrictSerializer):
    expected = serializers.IntegerField(min_value=0, help_text="how many you were told it would be")
    code = serializers.CharField(max_length=40, required=False, help_text="only those of this reason")
    ingest = serializers.UUIDField(required=False, help_text="only those of this upload")


class ConfirmedSerializer(serializers.Serializer[dict[str, int]]):
    confirmed = serializers.IntegerField()


class RejectionViewSet(mixins.ListModelMixin, GenericViewSet[Rejection]):
    """Refused places of a data set's uploads, with their reasons."""

    serializer_class = RejectionSerializer
    filterset_fields = ("code", "ingest", "decision")
    ordering = ("created_at", "id")

    def get_queryset(self) -> QuerySet[Rejection]:
        if getattr(self, "swagger_fake_view", False):
            return Rejection.objects.none()
        return Rejection.objects.filter(ingest__dataset=self._dataset())

    def _dataset(self) -> Dataset:
        return get_object_or_404(Dataset.objects.visible_to(person_of(self.request)), pk=self.kwargs["pk"])

    def _rejection(self, rejection: UUID) -> Rejection:
        return get_object_or_404(self.get_queryset().select_related("ingest__dataset"), pk=rejection)

    def _viewable(self, rejection: UUID) -> Rejection:
        rows = Rejection.objects.viewable_by(person_of(self.request)).filter(ingest__dataset=self._dataset())
        return get_object_or_404(rows.select_related("ingest__dataset"), pk=rejection)

    @extend_schema(responses=PNG)
    def thumbnail(self, request: Request, pk: UUID, rejection: UUID) -> HttpResponseBase:
        """The refused picture, small. For those with `view_real`; each look is audited."""
        return rejections.serve_rejected_image(
            request._request, actor=person_of(request), rejection=self._viewable(rejection), thumbnail=True
        )

    @extend_schema(responses=PNG)
    def file(self, request: Request, pk: UUID, rejection: UUID) -> HttpResponseBase:
        """The refused picture in full size, where it waits for a decision."""
        return rejections.serve_rejected_image(
            request._request, actor=person_of(request), rejection=self._viewable(rejection)
        )

    @extend_schema(request=None, responses={201: SourceImageSerializer})
    @idempotent
    def overrule(self, request: Request, pk: UUID, rejection: UUID) -> Response:
        """Take the picture in after all."""
        image = rejections.overrule_rejection(actor=person_of(request), rejection=self._rejection(rejection))
        return Response(SourceImageSerializer(image).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ConfirmedSerializer)
    @idempotent
    def confirm(self, request: Request, pk: UUID, rejection: UUID) -> Response:
        """Keep this one out for good; its picture is deleted."""
        row = self._rejection(rejection)
        count = rejections.confirm_rejections(
            actor=person_of(request), dataset=row.ingest.dataset, expected=1, rejection=row
        )
        return Response({"confirmed": count})

    @extend_schema(request=ConfirmSerializer, responses=ConfirmedSerializer)
    @idempotent
    def confirm_all(self, request: Request, pk: UUID) -> Response:
        """Keep all that remain out for good; their pictures are deleted."""
        dataset, body = self._dataset(), ConfirmSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)
        if "ingest" in wanted:
            wanted["ingest"] = get_object_or_404(dataset.ingests, pk=wanted["ingest"])
        count = rejections.confirm_rejections(actor=person_of(request), dataset=dataset, **wanted)
        return Response({"confirmed": count})
