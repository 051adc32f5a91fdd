"""`tokens`: one's own API tokens; an admin sees and revokes all."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from synthlab.accounts.api.serializers import IssuedTokenSerializer, TokenSerializer, TokenWriteSerializer
from synthlab.accounts.models import ApiToken
from synthlab.accounts.services import tokens
from synthlab.core.api.idempotency import idempotent
from synthlab.core.people import person_of


class TokenFilter(filters.FilterSet):  # type: ignore[misc]
    user = filters.UUIDFilter(field_name="user_id")
    usable = filters.BooleanFilter(method="filter_usable")

    def filter_usable(self, rows: QuerySet[ApiToken], name: str, value: bool) -> QuerySet[ApiToken]:
        usable = ApiToken.objects.usable().values("pk")
        return rows.filter(pk__in=usable) if value else rows.exclude(pk__in=usable)


class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[ApiToken]):
    """Bearer tokens for scripts."""

    serializer_class = TokenSerializer
    filterset_class = TokenFilter
    lookup_value_converter = "uuid"
    ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.visible_to(person_of(self.request))

    @extend_schema(request=TokenWriteSerializer, responses={201: IssuedTokenSerializer})
    @idempotent(secrets=("token",))
    def create(self, request: Request) -> Response:
        """Make a token; the answer holds its secret, which is shown once."""
        body = TokenWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        by = request.auth if isinstance(request.auth, ApiToken) else None
        issued = tokens.create_token(actor=person_of(request), by=by, **body.validated_data)
        data = {**TokenSerializer(issued.token).data, "token": issued.secret}
        return Response(data, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Revoke a token; it stays listed."""
        tokens.revoke_token(actor=person_of(request), token=self.get_object())
        return Response(status=204)
