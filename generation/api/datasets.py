"""`datasets`, with their uploads, images and members."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from generation.api.answers import started
from generation.api.dataset_serializers import DatasetDetailSerializer
from generation.api.ingest_options import IngestOptionsSerializer
from generation.api.serializers import (
    DatasetSerializer,
    DatasetWriteSerializer,
    IngestDetailSerializer,
    IngestSerializer,
    MemberSerializer,
    MemberWriteSerializer,
    SourceImageSerializer,
)
from generation.api.withdrawals import WithdrawalActions
from generation.models import Dataset
from generation.services import datasets, ingesting, staging
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.parsers import BoundedJSONParser
from synthlab.core.api.preconditions import require_if_match
from synthlab.core.api.responses import paged, with_etag
from synthlab.core.people import person_of
from synthlab.core.uploads import StagedFile

# How the API's description shows the form.
UPLOAD_FORM = {
    "multipart/form-data": {
        "type": "object",
        "properties": {
            "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "options": {
                "type": "string",
                "description": "JSON: tile, crop, image_size, channels, bits, classes, groups, names, split …",
            },
        },
        "required": ["files"],
    }
}


class DatasetViewSet(mixins.ListModelMixin, WithdrawalActions):
    """Real data sets of the person: described, filled, shared."""

    serializer_class = DatasetSerializer
    lookup_value_converter = "uuid"
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Dataset]:
        return Dataset.objects.visible_to(person_of(self.request))

    @extend_schema(responses=DatasetDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        dataset = self.get_object()
        return with_etag(Response(DatasetDetailSerializer(dataset).data), dataset.rev)

    @extend_schema(request=DatasetWriteSerializer, responses={201: DatasetSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = DatasetWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        dataset = datasets.create_dataset(actor=person_of(request), **body.validated_data)
        return Response(DatasetSerializer(dataset).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=DatasetWriteSerializer, responses=DatasetSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        dataset = self.get_object()
        rev = require_if_match(request)
        body = DatasetWriteSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        dataset = datasets.update_dataset(
            actor=person_of(request), dataset=dataset, rev=rev, **body.validated_data
        )
        return with_etag(Response(DatasetSerializer(dataset).data), dataset.rev)

    @extend_schema(responses=SourceImageSerializer(many=True))
    @action(detail=True)
    def images(self, request: Request, pk: UUID) -> Response:
        rows = self.get_object().images.select_related("group")
        return paged(self, rows, SourceImageSerializer, ordering=("created_at", "id"))

    @extend_schema(methods=["get"], responses=IngestSerializer(many=True))
    @extend_schema(methods=["post"], request=UPLOAD_FORM, responses={202: IngestSerializer})
    @action(detail=True, methods=["get", "post"], parser_classes=[MultiPartParser])
    def ingests(self, request: Request, pk: UUID) -> Response:
        """Uploads so far; or a new one: files in a form's `files`, JSON in its `options`."""
        dataset = self.get_object()
        if request.method == "GET":
            return paged(self, dataset.ingests.all(), IngestSerializer, ordering=("-created_at", "-id"))
        with staging.staged(_uploaded(request)) as upload:
            return self._start_ingest(request, dataset, upload)

    @idempotent
    def _start_ingest(self, request: Request, dataset: Dataset, upload: staging.StagedUpload) -> Response:
        ingest = ingesting.start_ingest(
            actor=person_of(request), dataset=dataset, upload=upload, options=_ingest_options(request)
        )
        return started(ingest, IngestSerializer(ingest).data)

    @extend_schema(responses=IngestDetailSerializer)
    @action(detail=True, url_path="ingests/<uuid:ingest>")
    def ingest(self, request: Request, pk: UUID, ingest: UUID) -> Response:
        """One upload, with the place and reason of all that was not taken."""
        row = get_object_or_404(self.get_object().ingests, pk=ingest)
        return Response(IngestDetailSerializer(row).data)

    @extend_schema(methods=["get"], responses=MemberSerializer(many=True))
    @extend_schema(methods=["post"], request=MemberWriteSerializer, responses={201: MemberSerializer})
    @action(detail=True, methods=["get", "post"])
    def members(self, request: Request, pk: UUID) -> Response:
        dataset = self.get_object()
        if request.method == "GET":
            rows = dataset.members.select_related("user")
            return paged(self, rows, MemberSerializer, ordering=("created_at", "id"))
        body = MemberWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = datasets.set_member(actor=person_of(request), dataset=dataset, **body.validated_data)
        return Response(MemberSerializer(member).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["delete"], url_path="members/<uuid:member>")
    def member(self, request: Request, pk: UUID, member: UUID) -> Response:
        row = get_object_or_404(self.get_object().members, pk=member)
        datasets.remove_member(actor=person_of(request), member=row)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _uploaded(request: Request) -> list[Path]:
    return [file.path for file in request.FILES.getlist("files") if isinstance(file, StagedFile)]


def _ingest_options(request: Request) -> dict[str, object]:
    """The `options` part of the upload form: a JSON object in a text field."""
    text = (request.POST.get("options") or "{}").encode("utf-8", "replace")
    body = IngestOptionsSerializer(data=BoundedJSONParser().parse(BytesIO(text)))
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)
