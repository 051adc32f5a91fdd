"""`datasets/{id}/withdrawals`: real images that are no longer to be used."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from generation.api.answers import started
from generation.api.dataset_serializers import (
    WithdrawalChoiceSerializer,
    WithdrawalSerializer,
    WithdrawalWriteSerializer,
)
from generation.models import Dataset
from generation.services.data_sheet import write_data_sheet
from generation.services.withdrawing import preview_withdrawal, withdraw_images
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.responses import paged
from synthlab.core.people import person_of


class WithdrawalActions(GenericViewSet[Dataset]):
    """What a data set's endpoints add: withdrawals and the data sheet."""

    @extend_schema(methods=["get"], responses=WithdrawalSerializer(many=True))
    @extend_schema(methods=["post"], request=WithdrawalWriteSerializer, responses={202: WithdrawalSerializer})
    @action(detail=True, methods=["get", "post"])
    def withdrawals(self, request: Request, pk: UUID) -> Response:
        """Withdrawals so far; or a new one, after which nobody sees the images again."""
        dataset = self.get_object()
        if request.method == "GET":
            rows = dataset.withdrawals.with_counts().select_related("dataset")
            return paged(self, rows, WithdrawalSerializer, ordering=("-created_at", "-id"))
        return self._withdraw(request, dataset)

    @idempotent
    def _withdraw(self, request: Request, dataset: Dataset) -> Response:
        body = WithdrawalWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = withdraw_images(actor=person_of(request), dataset=dataset, **body.validated_data)
        row = dataset.withdrawals.with_counts().select_related("dataset", "job").get(pk=made.pk)
        return started(row, WithdrawalSerializer(row, context=self.get_serializer_context()).data)

    @extend_schema(request=WithdrawalChoiceSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="withdrawals/preview")
    def withdrawal_preview(self, request: Request, pk: UUID) -> Response:
        """What a withdrawal would touch: trainings, generators, batches, evaluations. Changes nothing."""
        body = WithdrawalChoiceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        touched = preview_withdrawal(
            actor=person_of(request), dataset=self.get_object(), **body.validated_data
        )
        return Response(touched.to_mapping())

    @extend_schema(responses={(200, "text/markdown"): OpenApiTypes.STR})
    @action(detail=True, url_path="data-sheet")
    def data_sheet(self, request: Request, pk: UUID) -> HttpResponse:
        """The data sheet as Markdown: composition, collection, cleaning, de-identification, split, terms, limits."""
        dataset = self.get_object()
        response = HttpResponse(write_data_sheet(dataset), content_type="text/markdown; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="data-sheet-{dataset.pk}.md"'
        response["Cache-Control"] = "private, no-cache"
        return response
