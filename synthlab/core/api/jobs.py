"""`jobs`: long work, its progress, its end."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from synthlab.core import jobs
from synthlab.core.api.preconditions import conditional_response
from synthlab.core.api.responses import POLL_SECONDS
from synthlab.core.api.serializers import JobDetailSerializer, JobSerializer
from synthlab.core.models import Job, JobState
from synthlab.core.people import person_of


class JobFilter(filters.FilterSet):  # type: ignore[misc]
    """By state, kind, parent or subject."""

    state = filters.ChoiceFilter(choices=JobState.choices)
    kind = filters.CharFilter()
    parent = filters.UUIDFilter(field_name="parent_id")
    subject_id = filters.UUIDFilter()


class JobViewSet(mixins.ListModelMixin, GenericViewSet[Job]):
    """Long work that the person asked for; an admin sees all."""

    serializer_class = JobSerializer
    filterset_class = JobFilter
    lookup_value_converter = "uuid"
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Job]:
        """What the person may see."""
        return Job.objects.visible_to(person_of(self.request))

    @extend_schema(responses=JobDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One job with the tail of its log; made for polling (ETag, 304, Retry-After)."""
        job = self.get_object()
        response = conditional_response(request, JobDetailSerializer(job).data)
        if not job.is_finished:
            response.headers["Retry-After"] = str(POLL_SECONDS)
        return response

    @extend_schema(request=None, responses={202: JobDetailSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Ask the job to stop at its next safe point; what is finished is kept."""
        job = jobs.request_cancel(actor=person_of(request), job=self.get_object())
        return Response(JobDetailSerializer(job).data, status=202)

    @extend_schema(request=None, responses={202: JobDetailSerializer})
    @action(detail=True, methods=["post"])
    def requeue(self, request: Request, pk: UUID) -> Response:
        """Try a failed or dead job again."""
        job = jobs.requeue_job(actor=person_of(request), job=self.get_object())
        return Response(JobDetailSerializer(job).data, status=202)
