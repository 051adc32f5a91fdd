"""`label-schemas` and `studies`, with everything that is done to a study as a whole."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from annotation.api.payloads import describe_claim, describe_late
from annotation.api.serializers import (
    AssignSerializer,
    ClaimedSerializer,
    ClaimSerializer,
    ControlsSerializer,
    FillSerializer,
    LabelSchemaSerializer,
    LabelSchemaWriteSerializer,
    ManagedStudySerializer,
    MembershipSerializer,
    MembershipWriteSerializer,
    StudySerializer,
    StudyWriteSerializer,
)
from annotation.api.waiting import WaitingActions
from annotation.models import Annotation, LabelSchema, Read, Study, StudyRole
from annotation.services import assigning, filling, late, measuring, queue, schemas, studies
from annotation.services.access import require_manager, require_role, roles_in
from annotation.services.controls import add_controls
from annotation.services.progress import reader_progress, study_agreement, study_progress
from evaluation.api.serializers import EvaluationSerializer
from generation.api.answers import started
from generation.models import Batch, Dataset
from synthlab.accounts.models import User
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.responses import paged
from synthlab.core.exceptions import InvalidInput, NotFound
from synthlab.core.people import person_of


class LabelSchemaViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[LabelSchema]):
    serializer_class = LabelSchemaSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("name", "version")
    ordering = ("-created_at", "id")

    def get_queryset(self) -> QuerySet[LabelSchema]:
        return LabelSchema.objects.visible_to(person_of(self.request)).prefetch_related("classes")

    @extend_schema(request=LabelSchemaWriteSerializer, responses={201: LabelSchemaSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = LabelSchemaWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        schema = schemas.create_label_schema(actor=person_of(request), **body.validated_data)
        return Response(LabelSchemaSerializer(schema).data, status=status.HTTP_201_CREATED)


class StudyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WaitingActions):
    serializer_class = StudySerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("state",)
    ordering = ("-created_at", "id")

    def get_queryset(self) -> QuerySet[Study]:
        rows = Study.objects.visible_to(person_of(self.request))
        # A claim shows no members, and is asked for with every image.
        return rows if self.action == "claim" else rows.prefetch_related("memberships")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self._describe(self.get_object()))

    @extend_schema(request=StudyWriteSerializer, responses={201: ManagedStudySerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = StudyWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wishes = body.validated_data
        user = person_of(request)
        wishes["schema"] = get_object_or_404(LabelSchema.objects.visible_to(user), pk=wishes["schema"])
        if "dataset" in wishes:
            wishes["dataset"] = get_object_or_404(Dataset.objects.visible_to(user), pk=wishes["dataset"])
        study = studies.create_study(actor=user, **wishes)
        return Response(self._describe(study), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ManagedStudySerializer)
    @action(detail=True, methods=["post"])
    def open(self, request: Request, pk: UUID) -> Response:
        """Hand out reads from now on."""
        return Response(self._describe(studies.open_study(actor=person_of(request), study=self.get_object())))

    @extend_schema(request=None, responses=ManagedStudySerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: UUID) -> Response:
        """Hand out nothing; take what was handed out."""
        return Response(
            self._describe(studies.pause_study(actor=person_of(request), study=self.get_object()))
        )

    @extend_schema(request=None, responses=ManagedStudySerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: UUID) -> Response:
        """End the reading; it can be opened again."""
        return Response(
            self._describe(studies.close_study(actor=person_of(request), study=self.get_object()))
        )

    @extend_schema(request=FillSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    @idempotent
    def fill(self, request: Request, pk: UUID) -> Response:
        """Add the images of released batches."""
        study, user = self.get_object(), person_of(request)
        require_manager(user, study)
        body = FillSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        batches = _find_batches(request, study, body.validated_data["batches"])
        filled = filling.fill_study(
            actor=user, study=study, batches=batches, limit=body.validated_data.get("limit")
        )
        return Response({"added": filled.added, "known": filled.known, "refused": filled.refused})

    @extend_schema(request=ControlsSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    @idempotent
    def controls(self, request: Request, pk: UUID) -> Response:
        """Hide real images among the others."""
        study, user = self.get_object(), person_of(request)
        require_manager(user, study)
        body = ControlsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({"added": add_controls(actor=user, study=study, **body.validated_data)})

    @extend_schema(request=ClaimSerializer, responses=ClaimedSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: UUID) -> Response:
        """The next reads for the caller; the ones they hold already come first, so asking twice is harmless."""
        study, user = self.get_object(), person_of(request)
        body = ClaimSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        claim = queue.claim_reads(reader=user, study=study, count=body.validated_data["count"])
        return Response(describe_claim(claim, user, study))

    @extend_schema(request=AssignSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    @idempotent
    def assign(self, request: Request, pk: UUID) -> Response:
        """Give open reads to a reader, move them, or take them back: those that are named, or so many."""
        study, user = self.get_object(), person_of(request)
        require_manager(user, study)
        body = AssignSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({"changed": _assign(user, study, **body.validated_data)})

    @extend_schema(methods=["get"], responses=MembershipSerializer(many=True))
    @extend_schema(methods=["post"], request=MembershipWriteSerializer, responses={201: MembershipSerializer})
    @action(detail=True, methods=["get", "post"])
    def members(self, request: Request, pk: UUID) -> Response:
        study, user = self.get_object(), person_of(request)
        require_manager(user, study)
        if request.method == "GET":
            rows = study.memberships.select_related("user")
            return paged(self, rows, MembershipSerializer, ordering=("created_at", "id"))
        body = MembershipWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = studies.add_member(actor=user, study=study, **body.validated_data)
        return Response(MembershipSerializer(member).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["delete"], url_path="members/<uuid:member>")
    def member(self, request: Request, pk: UUID, member: UUID) -> Response:
        study, user = self.get_object(), person_of(request)
        require_manager(user, study)
        row = get_object_or_404(study.memberships.select_related("user"), pk=member)
        studies.remove_member(actor=user, study=study, user=row.user, role=row.role)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def progress(self, request: Request, pk: UUID) -> Response:
        """The caller's own progress; for managers the study's, too."""
        study, user = self.get_object(), person_of(request)
        mine = reader_progress(user, study).as_json()
        if StudyRole.MANAGER not in roles_in(user, study):
            return Response({"mine": mine})
        return Response({"mine": mine, **study_progress(study)})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def agreement(self, request: Request, pk: UUID) -> Response:
        """How far the readers agree; for managers."""
        study = self.get_object()
        require_role(person_of(request), study, StudyRole.MANAGER)
        return Response(study_agreement(study))

    @extend_schema(responses=EvaluationSerializer(many=True))
    @action(detail=True)
    def evaluations(self, request: Request, pk: UUID) -> Response:
        """The measurements of the accepted images; for managers."""
        study = self.get_object()
        require_manager(person_of(request), study)
        rows = measuring.evaluations_of(study).prefetch_related("metrics")
        return paged(self, rows, EvaluationSerializer, ordering=("-created_at", "-id"))

    @extend_schema(request=None, responses={202: EvaluationSerializer})
    @evaluations.mapping.post
    @idempotent
    def evaluate(self, request: Request, pk: UUID) -> Response:
        """Measure the accepted images as they are now; for managers."""
        evaluation = measuring.evaluate_accepted(actor=person_of(request), study=self.get_object())
        return started(evaluation, EvaluationSerializer(evaluation).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, url_path="late-answers")
    def late_answers(self, request: Request, pk: UUID) -> Response:
        """Answers that came after their read had gone to someone else; for managers."""
        study = self.get_object()
        require_manager(person_of(request), study)
        rows = Annotation.objects.kept_late().filter(read__study=study).select_related("read", "author")
        return Response({"results": [describe_late(row) for row in rows.order_by("-created_at")[:200]]})

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="late-answers/<uuid:annotation>/use")
    def use_late_answer(self, request: Request, pk: UUID, annotation: UUID) -> Response:
        study, user = self.get_object(), person_of(request)
        require_manager(user, study)
        rows = (
            Annotation.objects.kept_late().filter(read__study=study).select_related("read__study", "author")
        )
        late.use_late_answer(actor=user, annotation=get_object_or_404(rows, pk=annotation))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _describe(self, study: Study) -> dict[str, Any]:
        user = person_of(self.request)
        manages = StudyRole.MANAGER in roles_in(user, study)
        shape: type[BaseSerializer[Study]] = ManagedStudySerializer if manages else StudySerializer
        return dict(shape(study, context=self.get_serializer_context()).data)


def _assign(
    user: User,
    study: Study,
    reads: list[UUID] | None = None,
    count: int = 0,
    from_reader: User | None = None,
    reader: User | None = None,
) -> int:
    if reads is not None:
        rows = list(Read.objects.filter(study=study, pk__in=reads))
        if reader is None:
            return assigning.withdraw_reads(actor=user, study=study, reads=rows)
        return assigning.assign_reads(actor=user, study=study, reads=rows, reader=reader)
    if reader is not None:
        return assigning.assign_next(actor=user, study=study, reader=reader, count=count, source=from_reader)
    if from_reader is None:
        raise InvalidInput("not_a_reader", "reader: Say to whom the reads go, or from whom they come back.")
    return assigning.withdraw_next(actor=user, study=study, reader=from_reader, count=count)


def _find_batches(request: Request, study: Study, keys: list[UUID]) -> list[Batch]:
    """The batches in the order given: the person's own, and those of the study's data set."""
    rows = Batch.objects.select_related("generator__dataset").in_bulk(keys)
    own = set(Batch.objects.visible_to(person_of(request)).filter(pk__in=keys).values_list("pk", flat=True))
    found = [
        rows[key]
        for key in dict.fromkeys(keys)
        if key in rows and (key in own or rows[key].generator.dataset_id == study.dataset_id)
    ]
    if len(found) != len(set(keys)):
        raise NotFound(
            "batch_not_found", "batches: One of these batches does not exist, or is not yours to see."
        )
    return found
