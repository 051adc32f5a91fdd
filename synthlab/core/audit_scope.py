"""Who besides admins sees which audit events: each app names its own chains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db.models import Q

if TYPE_CHECKING:
    from synthlab.accounts.models import User

AuditScope = Callable[["User"], Q]

_scopes: list[AuditScope] = []


def register_audit_scope(scope: AuditScope) -> None:
    """Widen what people see of the audit; called from `AppConfig.ready()`.

    Args:
        scope: Gives, for a person, the condition on AuditEvent that lets events through,
            `Q(chain__in=…)` say; `Q(pk__in=[])` for nothing.
    """
    if scope not in _scopes:
        _scopes.append(scope)


def audit_scope(user: User) -> Q:
    """The union of all registered scopes for one person."""
    condition = Q(pk__in=[])
    for scope in _scopes:
        condition |= scope(user)
    return condition
