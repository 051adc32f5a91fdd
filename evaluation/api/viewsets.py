"""`image-sets`, `evaluations`, `gate-policies`, and what evaluation adds to batches and generators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ViewSet

from evaluation.api.serializers import (
    ApproveSerializer,
    CompareSerializer,
    CopyPairSerializer,
    CopyReviewSerializer,
    CopyReviewWriteSerializer,
    DecisionSerializer,
    DecisionWriteSerializer,
    EvaluationSerializer,
    EvaluationWriteSerializer,
    ImageSetSerializer,
    PolicySerializer,
    PolicyWriteSerializer,
    ScoreSerializer,
)
from evaluation.models import Evaluation, GateDecision, GatePolicy, ImageSet
from evaluation.services import approving, comparing, copies, evaluating, gating, reporting
from evaluation.services.looks import looks_at
from generation.api.answers import started
from generation.api.serializers import GeneratorSerializer
from generation.models import Batch, Generator, SyntheticImage
from generation.services.access import may_view_real
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.responses import paged
from synthlab.core.people import person_of


class ImageSetViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[ImageSet]):
    serializer_class = ImageSetSerializer
    lookup_value_converter = "uuid"
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[ImageSet]:
        return ImageSet.objects.visible_to(person_of(self.request))


class EvaluationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Evaluation]):
    serializer_class = EvaluationSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("image_set", "dataset", "state", "verdict")
    ordering = ("-created_at", "-id")
    shows_real = False  # whether the caller is told which real images lie near

    def get_queryset(self) -> QuerySet[Evaluation]:
        return Evaluation.objects.visible_to(person_of(self.request)).prefetch_related("metrics")

    @extend_schema(request=EvaluationWriteSerializer, responses={202: EvaluationSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = EvaluationWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        evaluation = evaluating.request_evaluation(
            actor=person_of(request), **_found(request, body.validated_data)
        )
        return started(evaluation, EvaluationSerializer(evaluation).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def report(self, request: Request, pk: UUID) -> Response:
        """Every number with its floor, interval, n and method; without any real picture."""
        evaluation = self.get_object()
        head = EvaluationSerializer(evaluation).data
        looks = looks_at(evaluation.dataset, evaluation.split)
        told = {
            "summary": reporting.summarise(evaluation),
            "looks": asdict(looks),
            "report": evaluation.report,
        }
        return Response({**head, **told})

    @extend_schema(
        parameters=[
            OpenApiParameter("with", OpenApiTypes.UUID, required=True, description="another evaluation")
        ],
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=True)
    def compare(self, request: Request, pk: UUID) -> Response:
        """Two evaluations side by side, where they were measured alike."""
        first = self.get_object()
        wish = CompareSerializer(data=request.query_params.dict())
        wish.is_valid(raise_exception=True)
        second = get_object_or_404(self.get_queryset(), pk=wish.validated_data["with"])
        rows = comparing.compare_evaluations(first, second)
        return Response({"first": first.pk, "second": second.pk, "rows": [row.as_json() for row in rows]})

    @extend_schema(responses=ScoreSerializer(many=True))
    @action(detail=True)
    def scores(self, request: Request, pk: UUID) -> Response:
        return paged(self, self.get_object().scores.all(), ScoreSerializer, ordering=("id",))

    @extend_schema(responses=CopyPairSerializer(many=True))
    @action(detail=True)
    def copies(self, request: Request, pk: UUID) -> Response:
        """The images flagged as copies, with what people said about each."""
        evaluation = self.get_object()
        self.shows_real = may_view_real(person_of(request), evaluation.dataset)
        rows = evaluation.scores.like_copies().with_review()
        return paged(self, rows, CopyPairSerializer, ordering=("id",))

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "shows_real": self.shows_real}


def _found(request: Request, wishes: dict[str, Any]) -> dict[str, Any]:
    """The wishes with rows in the place of ids; what the person may not see does not exist."""
    kinds: dict[str, QuerySet[Any]] = {
        "image_set": ImageSet.objects.visible_to(person_of(request)),
        "batch": Batch.objects.visible_to(person_of(request)),
        "policy": GatePolicy.objects.all(),
    }
    rows = {name: get_object_or_404(kinds[name], pk=wishes[name]) for name in kinds if name in wishes}
    return {**wishes, **rows}


class GatePolicyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[GatePolicy]):
    serializer_class = PolicySerializer
    queryset = GatePolicy.objects.all()
    lookup_value_converter = "uuid"
    filterset_fields = ("name",)
    ordering = ("-created_at", "-id")

    @extend_schema(request=PolicyWriteSerializer, responses={201: PolicySerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = PolicyWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        policy = gating.create_policy(actor=person_of(request), **body.validated_data)
        return Response(PolicySerializer(policy).data, status=status.HTTP_201_CREATED)


class BatchDecisionViewSet(ViewSet):
    """`batches/{id}/decision`: the live decision, and a person's overrule of it."""

    @extend_schema(responses=DecisionSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        batch = get_object_or_404(Batch.objects.visible_to(person_of(request)), pk=pk)
        decision = get_object_or_404(GateDecision.objects.live(), batch=batch)
        return Response(DecisionSerializer(decision).data)

    @extend_schema(request=DecisionWriteSerializer, responses={201: DecisionSerializer})
    @idempotent
    def create(self, request: Request, pk: UUID) -> Response:
        batch = get_object_or_404(Batch.objects.visible_to(person_of(request)), pk=pk)
        body = DecisionWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        decision = gating.overrule(actor=person_of(request), batch=batch, **body.validated_data)
        return Response(DecisionSerializer(decision).data, status=status.HTTP_201_CREATED)


class CopyReviewViewSet(ViewSet):
    """`images/{id}/copy-review`: what a person with `view_real` says about a flagged image."""

    @extend_schema(request=CopyReviewWriteSerializer, responses={201: CopyReviewSerializer})
    @idempotent
    def create(self, request: Request, pk: UUID) -> Response:
        images = SyntheticImage.objects.visible_to(person_of(request))
        image = get_object_or_404(images.select_related("batch__generator__dataset"), pk=pk)
        body = CopyReviewWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        review = copies.review_copy(actor=person_of(request), image=image, **body.validated_data)
        return Response(CopyReviewSerializer(review).data, status=status.HTTP_201_CREATED)


class GeneratorApprovalViewSet(ViewSet):
    """`generators/{id}/approve`: on the evidence of an evaluation, or for a reason."""

    @extend_schema(request=ApproveSerializer, responses=GeneratorSerializer)
    def create(self, request: Request, pk: UUID) -> Response:
        generator = get_object_or_404(Generator.objects.visible_to(person_of(request)), pk=pk)
        body = ApproveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        approved = approving.approve_generator(
            actor=person_of(request), generator=generator, **body.validated_data
        )
        return Response(GeneratorSerializer(approved).data)
