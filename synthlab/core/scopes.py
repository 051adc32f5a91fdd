"""Conditions by which apps above widen what a person sees of rows below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db.models import Q

if TYPE_CHECKING:
    from synthlab.accounts.models import User

Scope = Callable[["User"], Q]


class Scopes:
    """The scopes of one model, registered in `AppConfig.ready()`. Without any, nobody sees more."""

    def __init__(self) -> None:
        self._scopes: list[Scope] = []

    def register(self, scope: Scope) -> None:
        """Add a scope, once.

        Args:
            scope: Gives, for a person, the condition that lets rows through; `Q(pk__in=[])` for nothing.
        """
        if scope not in self._scopes:
            self._scopes.append(scope)

    def of(self, user: User) -> Q:
        """The union of all scopes for one person."""
        condition = Q(pk__in=[])
        for scope in self._scopes:
            condition |= scope(user)
        return condition


# Which audit events people see besides admins: each app names its own chains.
AUDIT_SCOPES = Scopes()
