"""`trainings`: start, watch, pause, cancel, resume."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from generation.api.answers import started
from generation.api.serializers import TrainingSerializer, TrainingWriteSerializer
from generation.models import Dataset, Training
from generation.services import training as trainings
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.preconditions import conditional_response
from synthlab.core.files import serve_file
from synthlab.core.people import person_of


class TrainingViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Training]):
    serializer_class = TrainingSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("dataset", "state")
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Training]:
        return Training.objects.visible_to(person_of(self.request)).prefetch_related("generators")

    @extend_schema(request=TrainingWriteSerializer, responses={202: TrainingSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = TrainingWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wishes = body.validated_data
        visible = Dataset.objects.visible_to(person_of(request))
        dataset = get_object_or_404(visible, pk=wishes.pop("dataset"))
        training = trainings.start_training(actor=person_of(request), dataset=dataset, **wishes)
        return started(training, TrainingSerializer(training).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def metrics(self, request: Request, pk: UUID) -> Response:
        """The curve: metric name → list of [step, value]."""
        curves: dict[str, list[tuple[int, float]]] = {}
        rows = self.get_object().metrics.values_list("name", "step", "value")
        for name, step, value in rows:
            curves.setdefault(name, []).append((step, value))
        return conditional_response(request, {"metrics": curves})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def samples(self, request: Request, pk: UUID) -> Response:
        """The steps at which a sample grid was kept."""
        steps = self.get_object().samples.values_list("step", flat=True)
        return conditional_response(request, {"steps": list(steps)})

    @extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="samples/<int:step>")
    def sample_grid(self, request: Request, pk: UUID, step: int) -> HttpResponseBase:
        grid = get_object_or_404(self.get_object().samples, step=step)
        return serve_file(request, grid.digest, content_type="image/png")

    @extend_schema(request=None, responses={202: TrainingSerializer})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: UUID) -> Response:
        return self._stop(request, "pause")

    @extend_schema(request=None, responses={202: TrainingSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        return self._stop(request, "cancel")

    def _stop(self, request: Request, reason: str) -> Response:
        training = trainings.stop_training(
            actor=person_of(request), training=self.get_object(), reason=reason
        )
        return started(training, TrainingSerializer(training).data)

    @extend_schema(request=None, responses={202: TrainingSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: UUID) -> Response:
        training = trainings.resume_training(actor=person_of(request), training=self.get_object())
        return started(training, TrainingSerializer(training).data)
