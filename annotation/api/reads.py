"""`reads`: what a reader does with the image in hand. Whose read it is not gets 404."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from annotation.api import answers
from annotation.api.answers import LeavingSerializer, TakenSerializer
from annotation.api.payloads import describe_own_answer, describe_read
from annotation.api.pixels import answer_pixels
from annotation.api.serializers import ReadSerializer, ReleaseSerializer, SkipSerializer
from annotation.models import Read
from annotation.services import leases
from annotation.services.images import image_of
from annotation.services.reopening import reopen_read, reopenable
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.preconditions import require_if_match
from synthlab.core.api.responses import with_etag
from synthlab.core.people import person_of


class ReadViewSet(GenericViewSet[Read]):
    serializer_class = ReadSerializer
    lookup_value_converter = "uuid"

    filterset_fields = ("study",)
    ordering = ("-submitted_at", "id")

    def get_queryset(self) -> QuerySet[Read]:
        user = person_of(self.request)
        if self.action == "list":
            answered = Read.objects.answered_by(user).select_related("study")
            return answered.prefetch_related("annotations__regions__label_class")
        rows = Read.objects.lookable_by(user) if self.action == "pixels" else Read.objects.visible_to(user)
        return rows.select_related("study", "item__synthetic_image", "item__source_image")

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        """The caller's own answers, newest first."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        opened = reopenable(person_of(request), rows)
        return self.get_paginated_response([describe_own_answer(row, row.pk in opened) for row in rows])

    @extend_schema(responses=ReadSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        read = self.get_object()
        return with_etag(Response(describe_read(read, person_of(request))), read.rev)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True)
    def pixels(self, request: Request, pk: UUID) -> HttpResponse:
        """Raw samples, row by row: uint8, or uint16 with the low byte first; the shape stands in the headers."""
        read = self.get_object()
        return answer_pixels(request, read.study, image_of(read.item))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["put"])
    def draft(self, request: Request, pk: UUID) -> Response:
        """Keep an unfinished answer."""
        return answers.draft(person_of(request), answers.named(pk), require_if_match(request), _body(request))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    @idempotent
    def submit(self, request: Request, pk: UUID) -> Response:
        """Give the answer."""
        return answers.submit(
            person_of(request), answers.named(pk), require_if_match(request), _body(request)
        )

    @extend_schema(request=SkipSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    @idempotent
    def skip(self, request: Request, pk: UUID) -> Response:
        """Put the read aside: for later, or for somebody else."""
        return answers.skip(person_of(request), self.get_object(), 0, _body(request))

    @extend_schema(request=LeavingSerializer, responses=TakenSerializer(many=True))
    @action(detail=False, methods=["post"])
    def leaving(self, request: Request) -> Response:
        """What a page that goes away still had to send, taken in its order; each as if it had been sent alone."""
        body = LeavingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        base = request.path.removesuffix("/leaving")
        return Response(answers.take_all(person_of(request), body.validated_data["entries"], base))

    @extend_schema(request=None, responses={201: ReadSerializer})
    @action(detail=True, methods=["post"])
    @idempotent
    def reopen(self, request: Request, pk: UUID) -> Response:
        """Take an own answer up again, as a new read in hand."""
        user = person_of(request)
        again = reopen_read(actor=user, read=self.get_object())
        return with_etag(Response(describe_read(again, user), status=status.HTTP_201_CREATED), again.rev)

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def renew(self, request: Request, pk: UUID) -> Response:
        """Hold the read for another while."""
        read = leases.renew_lease(actor=person_of(request), read=answers.named(pk))
        return Response({"lease_until": read.lease_until})

    @extend_schema(request=ReleaseSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: UUID) -> Response:
        """Give the read back; a draft is kept."""
        body = ReleaseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        leases.release_read(actor=person_of(request), read=answers.named(pk), **body.validated_data)
        return Response(status=204)


def _body(request: Request) -> Mapping[str, Any]:
    """The body; its parser takes nothing but an object."""
    return cast("Mapping[str, Any]", request.data)
