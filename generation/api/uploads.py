"""`datasets/{id}/uploads`: an upload whose files come one by one, each with its own progress and its own retries."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from generation.api.answers import StrictSerializer, started
from generation.api.ingest_options import IngestOptionsSerializer
from generation.api.serializers import IngestSerializer
from generation.models import Dataset, Upload
from generation.services import uploads
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.responses import created
from synthlab.core.people import person_of


class FileBodyParser(BaseParser):
    """A file as the whole body, not read here but by who writes it down."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The stream itself."""
        return stream


class UploadOpenSerializer(StrictSerializer):
    sizes = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**53),
        allow_empty=True,
        help_text="bytes of each file, by its place; names stay with you",
    )
    options = IngestOptionsSerializer(required=False)


class UploadFinishSerializer(StrictSerializer):
    options = IngestOptionsSerializer(required=False)


class UploadSerializer(serializers.ModelSerializer[Upload]):
    missing = serializers.SerializerMethodField()

    class Meta:
        model = Upload
        fields = ("id", "dataset", "file_count", "missing", "created_at")
        read_only_fields = fields

    def get_missing(self, upload: Upload) -> list[int]:
        return uploads.missing_places(upload)


class UploadViewSet(GenericViewSet[Upload]):
    """Uploads that are under way."""

    serializer_class = UploadSerializer
    queryset = Upload.objects.none()

    def _dataset(self, pk: UUID) -> Dataset:
        return get_object_or_404(Dataset.objects.visible_to(person_of(self.request)), pk=pk)

    def _upload(self, pk: UUID, upload: UUID) -> Upload:
        return get_object_or_404(
            Upload.objects.select_related("dataset"), pk=upload, dataset=self._dataset(pk)
        )

    @extend_schema(request=UploadOpenSerializer, responses={201: UploadSerializer})
    @idempotent
    def create(self, request: Request, pk: UUID) -> Response:
        """Open an upload; its files are then PUT to `files/0`, `files/1` …"""
        dataset, body = self._dataset(pk), UploadOpenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        upload = uploads.open_upload(
            actor=person_of(request),
            dataset=dataset,
            sizes=body.validated_data["sizes"],
            options=body.validated_data.get("options", {}),
        )
        return created(UploadSerializer(upload).data, reverse("dataset-upload", args=[pk, upload.pk]))

    def retrieve(self, request: Request, pk: UUID, upload: UUID) -> Response:
        """Which files are missing still."""
        return Response(UploadSerializer(self._upload(pk, upload)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID, upload: UUID) -> Response:
        """Drop it, and all that came of it."""
        uploads.discard_upload(actor=person_of(request), upload=self._upload(pk, upload))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request={"application/octet-stream": OpenApiTypes.BINARY}, responses={204: None})
    def receive(self, request: Request, pk: UUID, upload: UUID, place: int) -> Response:
        """One file as the whole body. Sent again, it takes the place of the first one."""
        row = self._upload(pk, upload)
        body: Any = request.data
        uploads.receive_file(
            actor=person_of(request),
            upload=row,
            place=place,
            body=BytesIO()
            if isinstance(body, dict | QueryDict)
            else body,  # a file without a byte has no stream
            announced=_length(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=UploadFinishSerializer, responses={202: IngestSerializer})
    @idempotent
    def finish(self, request: Request, pk: UUID, upload: UUID) -> Response:
        """Have it read, once every file has come."""
        row, body = self._upload(pk, upload), UploadFinishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        ingest = uploads.finish_upload(
            actor=person_of(request), upload=row, options=body.validated_data.get("options", {})
        )
        return started(ingest, IngestSerializer(ingest).data)


def _length(request: Request) -> int:
    """How many bytes the request says it has; none where it says no number."""
    told = str(request.META.get("CONTENT_LENGTH") or "")
    return int(told) if told.isascii() and told.isdigit() else 0
