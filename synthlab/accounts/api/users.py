"""`users`: who is here; admins invite, deactivate, reset and change roles."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from synthlab.accounts.api.serializers import (
    InviteSerializer,
    IssuedLinkSerializer,
    ManagedPersonSerializer,
    PersonSerializer,
    RoleSerializer,
)
from synthlab.accounts.models import Role, User
from synthlab.accounts.services import people
from synthlab.accounts.services.links import IssuedLink
from synthlab.core.api.idempotency import idempotent
from synthlab.core.api.permissions import IsAdmin
from synthlab.core.people import person_of


class UserFilter(filters.FilterSet):  # type: ignore[misc]
    username = filters.CharFilter(lookup_expr="iexact")
    role = filters.ChoiceFilter(choices=Role.choices)
    is_active = filters.BooleanFilter()


class UserViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[User]):
    """People. Everybody sees their active colleagues; admins see and manage all."""

    filterset_class = UserFilter
    lookup_value_converter = "uuid"
    ordering = ("username", "id")

    def get_queryset(self) -> QuerySet[User]:
        rows: QuerySet[User] = User.objects.visible_to(person_of(self.request))
        return rows

    def get_serializer_class(self) -> type[BaseSerializer[User]]:
        # The API's description is made without a request of anybody.
        user = getattr(self.request, "user", None)
        return ManagedPersonSerializer if getattr(user, "is_admin", False) else PersonSerializer

    @extend_schema(request=InviteSerializer, responses={201: IssuedLinkSerializer})
    @action(detail=False, methods=["post"], permission_classes=[IsAdmin])
    @idempotent(secrets=("link",))
    def invite(self, request: Request) -> Response:
        """Add a person; the answer holds their one-time link, which is shown once."""
        body = InviteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._link(people.invite_user(actor=person_of(request), **body.validated_data))

    @extend_schema(request=None, responses=ManagedPersonSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsAdmin])
    def deactivate(self, request: Request, pk: UUID) -> Response:
        """End all sessions, tokens and links of a person; what they did stays."""
        user = people.deactivate_user(actor=person_of(request), user=self.get_object())
        return Response(ManagedPersonSerializer(user).data)

    @extend_schema(request=None, responses={201: IssuedLinkSerializer})
    @action(detail=True, methods=["post"], permission_classes=[IsAdmin])
    def reactivate(self, request: Request, pk: UUID) -> Response:
        """Let a deactivated person in again, by a new one-time link."""
        return self._link(people.reactivate_user(actor=person_of(request), user=self.get_object()))

    @extend_schema(request=None, responses={201: IssuedLinkSerializer})
    @action(detail=True, methods=["post"], permission_classes=[IsAdmin])
    def reset(self, request: Request, pk: UUID) -> Response:
        """A one-time link with which the person sets a new password."""
        return self._link(people.reset_password_link(actor=person_of(request), user=self.get_object()))

    @extend_schema(request=RoleSerializer, responses=ManagedPersonSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsAdmin])
    def role(self, request: Request, pk: UUID) -> Response:
        """Give a person another role."""
        body = RoleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = people.change_role(
            actor=person_of(request), user=self.get_object(), role=body.validated_data["role"]
        )
        return Response(ManagedPersonSerializer(user).data)

    def _link(self, issued: IssuedLink) -> Response:
        data = IssuedLinkSerializer(issued, context=self.get_serializer_context()).data
        return Response(data, status=201, headers={"Cache-Control": "no-store"})
