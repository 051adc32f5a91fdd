"""`trainings`: estimate, start, watch, pause, cancel, resume, clone."""

from __future__ import annotations

from typing import Any
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
from generation.api.curves import curves_response
from generation.api.progress import estimate_body, progress_body
from generation.api.serializers import (
    CloneSerializer,
    EstimateWriteSerializer,
    TrainingSerializer,
    TrainingWriteSerializer,
)
from generation.models import Dataset, Training
from generation.services import training as trainings
from generation.services.estimating import estimate_training
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.preconditions import conditional_response
from synthlab.core.api.responses import accepted
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

    @extend_schema(request=EstimateWriteSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def estimate(self, request: Request) -> Response:
        """How long each preset would take here; 202 with a job where that is being measured."""
        body = EstimateWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wishes = body.validated_data
        if parent := wishes.pop("cloned_from", None):
            wishes["cloned_from"] = get_object_or_404(self.get_queryset(), pk=parent)
        return self._estimate(request, **wishes)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @estimate.mapping.get
    def known_estimate(self, request: Request) -> Response:
        """What is known about the presets as they are, without measuring anything."""
        asked = {
            name: request.query_params[name] for name in ("architecture",) if name in request.query_params
        }
        body = EstimateWriteSerializer(data={"dataset": request.query_params.get("dataset"), "config": asked})
        body.is_valid(raise_exception=True)
        return self._estimate(request, **{**body.validated_data, "measure": "never"})

    def _estimate(self, request: Request, *, dataset: UUID, **wishes: Any) -> Response:
        visible = Dataset.objects.visible_to(person_of(request))
        told = estimate_training(
            actor=person_of(request), dataset=get_object_or_404(visible, pk=dataset), **wishes
        )
        data = estimate_body(told)
        return Response(data) if told.job is None else accepted(told.job, data)

    @extend_schema(request=CloneSerializer, responses={202: TrainingSerializer})
    @action(detail=True, methods=["post"])
    @idempotent
    def clone(self, request: Request, pk: UUID) -> Response:
        """Start a new run with these settings, but for some changes."""
        body = CloneSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        training = trainings.clone_training(
            actor=person_of(request), training=self.get_object(), **body.validated_data
        )
        return started(training, TrainingSerializer(training).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def progress(self, request: Request, pk: UUID) -> Response:
        """How far it is, for everybody who may see the training; the log is for who started it."""
        training = self.get_object()
        return conditional_response(request, progress_body(training, person_of(request)))

    @extend_schema(
        parameters=[
            OpenApiParameter("points", int, description="at most so many of each curve; 500 by default")
        ],
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=True)
    def metrics(self, request: Request, pk: UUID) -> Response:
        """The curves, thinned: metric name → list of [step, value]; of each stretch its lowest and highest value."""
        return curves_response(request, self.get_object())

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def samples(self, request: Request, pk: UUID) -> Response:
        """The steps at which a sample grid was kept, and the classes of its rows where there are any."""
        training = self.get_object()
        steps = training.samples.values_list("step", flat=True)
        return conditional_response(request, {"steps": list(steps), "rows": training.classes})

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
