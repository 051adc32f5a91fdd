"""Answers that many endpoints give."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from rest_framework import status
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from synthlab.core.api.pagination import CursorPages
from synthlab.core.api.preconditions import etag_of
from synthlab.core.models import Job

POLL_SECONDS = 1


def accepted(job: Job, data: Any = None) -> Response:
    """202 for long work: the job's address in `Location`, when to look in `Retry-After`.

    Args:
        job: The job that was started.
        data: The representation of what is being made; the job itself when left out.
    """
    from synthlab.core.api.serializers import JobSerializer

    return Response(
        JobSerializer(job).data if data is None else data,
        status=status.HTTP_202_ACCEPTED,
        headers={"Location": reverse("job-detail", args=[job.pk]), "Retry-After": str(POLL_SECONDS)},
    )


def created(data: Any, location: str, *, etag: str | None = None) -> Response:
    """201 with the address of what was made."""
    headers = {"Location": location} | ({"ETag": etag} if etag else {})
    return Response(data, status=status.HTTP_201_CREATED, headers=headers)


def with_etag(response: Response, revision: int | str) -> Response:
    """The same answer, with the revision as its ETag: what a later edit sends as If-Match."""
    response.headers["ETag"] = etag_of(revision)
    return response


def paged(
    view: GenericViewSet[Any],
    rows: QuerySet[Any],
    serializer_class: type[BaseSerializer[Any]],
    *,
    ordering: tuple[str, ...] | None = None,
) -> Response:
    """One page of another kind of rows than the viewset's own (a sub-resource).

    Args:
        view: The viewset that answers; its request carries cursor and page size.
        rows: All rows that the caller may see.
        serializer_class: How one row is shown.
        ordering: Fields that end with a unique one.
    """
    pages = CursorPages(ordering)
    page = pages.paginate_queryset(rows, view.request, view)
    return pages.get_paginated_response(
        serializer_class(page, many=True, context=view.get_serializer_context()).data
    )
