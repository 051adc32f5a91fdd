"""What a reviewer does with a study's waiting answers as a whole; part of `studies`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from annotation.api.serializers import AcceptWaitingSerializer, WaitingSerializer
from annotation.models import Study, StudyRole
from annotation.services.accepting import accept_waiting
from annotation.services.access import require_role
from annotation.services.waiting import FILTERS, select_waiting
from synthlab.core.api.idempotency import idempotent
from synthlab.core.people import person_of


class WaitingActions(GenericViewSet[Study]):
    """`studies/{id}/waiting` and `studies/{id}/accept-waiting`."""

    @extend_schema(
        parameters=[OpenApiParameter(name, OpenApiTypes.STR) for name in FILTERS], responses=WaitingSerializer
    )
    @action(detail=True)
    def waiting(self, request: Request, pk: UUID) -> Response:
        """How many answers wait for the caller under these filters, and which of them can be accepted together."""
        study, user = self.get_object(), person_of(request)
        require_role(user, study, StudyRole.REVIEWER)
        return Response(WaitingSerializer(select_waiting(user, study, request.query_params.dict())).data)

    @extend_schema(request=AcceptWaitingSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="accept-waiting")
    @idempotent
    def accept_waiting(self, request: Request, pk: UUID) -> Response:
        """Accept them together: exactly those that `waiting` told of, or none."""
        study, user = self.get_object(), person_of(request)
        require_role(user, study, StudyRole.REVIEWER)
        body = AcceptWaitingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wishes: dict[str, Any] = body.validated_data
        return Response({"accepted": accept_waiting(actor=user, study=study, **wishes)})
