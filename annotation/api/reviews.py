"""`items` and `reviews`: what reviewers and managers see and say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from annotation.api.payloads import describe_item
from annotation.api.serializers import ReviewSerializer, ReviewWriteSerializer
from annotation.models import Annotation, Item, Review, ReviewVerdict, Study, StudyRole
from annotation.services import reviewing
from synthlab.core.api.idempotency import idempotent
from synthlab.core.people import person_of


class ItemViewSet(GenericViewSet[Item]):
    """The images of studies that the caller reviews or manages."""

    lookup_value_converter = "uuid"
    filterset_fields = ("study", "state")
    ordering = ("created_at", "id")

    def get_queryset(self) -> QuerySet[Item]:
        rows = Item.objects.visible_to(person_of(self.request))
        rows = rows.select_related("study", "synthetic_image", "source_image")
        return rows.prefetch_related("reads__study", "reads__annotations__regions__label_class")

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self._describe(rows))

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(self._describe([self.get_object()])[0])

    def _describe(self, items: Sequence[Item]) -> Sequence[dict[str, Any]]:
        managed = Study.objects.with_role(person_of(self.request), StudyRole.MANAGER)
        keys = set(managed.filter(pk__in={item.study_id for item in items}).values_list("pk", flat=True))
        return [describe_item(item, manages=item.study_id in keys) for item in items]


class ReviewViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Review]):
    serializer_class = ReviewSerializer
    lookup_value_converter = "uuid"
    filterset_fields = ("annotation", "verdict")
    ordering = ("-created_at", "id")

    def get_queryset(self) -> QuerySet[Review]:
        return Review.objects.visible_to(person_of(self.request)).select_related("annotation__read")

    @extend_schema(request=ReviewWriteSerializer, responses={201: ReviewSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        body = ReviewWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, wishes = person_of(request), body.validated_data
        overseen = Study.objects.with_role(user, StudyRole.REVIEWER, StudyRole.MANAGER)
        answers = Annotation.objects.filter(read__study__in=overseen, is_final=True)
        annotation = get_object_or_404(
            answers.select_related("read__study", "read__reader", "author"), pk=wishes["annotation"]
        )
        about = {name: wishes[name] for name in ("comment", "point")} | {
            "actor": user,
            "annotation": annotation,
        }
        if wishes["verdict"] == ReviewVerdict.ACCEPT:
            review = reviewing.accept(**about)
        elif wishes["verdict"] == ReviewVerdict.RETURN:
            review = reviewing.return_(**about)
        else:
            review = reviewing.overrule(**about, answer=wishes["answer"])
        data = ReviewSerializer(review, context=self.get_serializer_context()).data
        return Response(data, status=status.HTTP_201_CREATED)
