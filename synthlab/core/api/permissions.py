"""Who may call an endpoint at all. Which rows they see is decided by `visible_to`, what they may do by services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


class SignedIn(BasePermission):
    """An active person, by session or token. Without one the answer is 401."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether somebody is signed in."""
        user: Any = request.user
        return bool(user and user.is_authenticated and user.is_active)


class _RolePermission(SignedIn):
    roles: ClassVar[frozenset[str]]
    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the person is signed in and has one of the roles."""
        user: Any = request.user
        return super().has_permission(request, view) and user.role in self.roles


class IsAdmin(_RolePermission):
    """Looks after people, settings and the audit."""

    roles = frozenset({"admin"})


class IsScientist(_RolePermission):
    """Brings datasets, trains and asks for batches."""

    roles = frozenset({"scientist"})


class IsClinician(_RolePermission):
    """Reads and reviews."""

    roles = frozenset({"clinician"})


class IsAdminOrScientist(_RolePermission):
    """Either of the two."""

    roles = frozenset({"admin", "scientist"})
