"""`snapshots` and `exports`: the approved data set, signed and rendered."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from annotation.api.serializers import (
    ExportSerializer,
    ExportWriteSerializer,
    FormatSerializer,
    HoldDecisionSerializer,
    PlanSerializer,
    SignSerializer,
    SnapshotHoldSerializer,
    SnapshotSerializer,
    SnapshotWriteSerializer,
)
from annotation.models import Export, ExportState, Snapshot, Study
from annotation.services import exporting, holding, planning, signing, snapshots
from annotation.services.access import require_manager
from generation.api.answers import started
from synthlab.core.api.idempotency import idempotent
from synthlab.core.exceptions import Conflict
from synthlab.core.files import serve_file
from synthlab.core.people import person_of


class SnapshotViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Snapshot]):
    serializer_class = SnapshotSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("study",)
    ordering = ("-created_at", "id")

    def get_queryset(self) -> QuerySet[Snapshot]:
        rows = Snapshot.objects.visible_to(person_of(self.request)).select_related("study", "image_set")
        return rows.prefetch_related("holds")

    @extend_schema(request=SnapshotWriteSerializer, responses={201: SnapshotSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = SnapshotWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, wishes = person_of(request), body.validated_data
        study = get_object_or_404(Study.objects.visible_to(user), pk=wishes.pop("study"))
        snapshot = snapshots.create_snapshot(actor=user, study=study, **wishes)
        return Response(SnapshotSerializer(snapshot).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=PlanSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a snapshot taken now would hold, and what it would leave out and why; changes nothing."""
        body = PlanSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, wishes = person_of(request), body.validated_data
        study = get_object_or_404(Study.objects.visible_to(user), pk=wishes.pop("study"))
        require_manager(user, study)
        return Response(planning.preview_snapshot(study, **wishes).as_json())

    @extend_schema(request=HoldDecisionSerializer, responses=SnapshotHoldSerializer)
    @action(detail=True, methods=["post"], url_path="holds/<uuid:hold>/decision")
    def decide(self, request: Request, pk: UUID, hold: UUID) -> Response:
        """Allow or forbid the export in spite of a withdrawal."""
        row = get_object_or_404(self.get_object().holds.select_related("snapshot__study"), pk=hold)
        body = HoldDecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        decided = holding.decide_hold(actor=person_of(request), hold=row, **body.validated_data)
        return Response(SnapshotHoldSerializer(decided).data)

    @extend_schema(request=SignSerializer, responses=SnapshotSerializer)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: UUID) -> Response:
        """Sign: the password is asked again, and what it is signed for."""
        snapshot = self.get_object()
        body = SignSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        signed = signing.sign_snapshot(actor=person_of(request), snapshot=snapshot, **body.validated_data)
        return Response(SnapshotSerializer(signed).data)

    @extend_schema(responses=FormatSerializer(many=True))
    @action(detail=True, pagination_class=None, filter_backends=[])
    def formats(self, request: Request, pk: UUID) -> Response:
        """What this snapshot can be exported as, and what each format cannot hold of it."""
        return Response(FormatSerializer(exporting.describe_formats(self.get_object()), many=True).data)


class ExportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Export]):
    serializer_class = ExportSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("snapshot", "state", "format")
    ordering = ("-created_at", "id")

    def get_queryset(self) -> QuerySet[Export]:
        return Export.objects.visible_to(person_of(self.request)).select_related("snapshot", "job")

    @extend_schema(request=ExportWriteSerializer, responses={202: ExportSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = ExportWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, wishes = person_of(request), body.validated_data
        snapshot = get_object_or_404(Snapshot.objects.visible_to(user), pk=wishes["snapshot"])
        export = exporting.request_export(
            actor=user, snapshot=snapshot, format=wishes["format"], options=wishes["options"]
        )
        return started(export, ExportSerializer(export).data)

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True)
    def file(self, request: Request, pk: UUID) -> HttpResponseBase:
        """The archive; parts of it by Range."""
        export = self.get_object()
        if export.state != ExportState.SUCCEEDED:
            raise Conflict(
                "export_not_finished", f"This export is {export.state}; download it when it has succeeded."
            )
        holding.refuse_held(export.snapshot)
        name = f"synthlab-{export.format}-{export.snapshot.digest[:12]}.zip"
        # Asked again each time: a browser's copy would be handed out in spite of a withdrawal that came since.
        return serve_file(
            request, export.digest, content_type="application/zip", filename=name, immutable=False
        )
