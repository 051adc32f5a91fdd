"""Who reads about image sets besides the people of their data sets: apps above name theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db.models import Q

if TYPE_CHECKING:
    from synthlab.accounts.models import User

SetScope = Callable[["User"], Q]

_scopes: list[SetScope] = []


def register_set_scope(scope: SetScope) -> None:
    """Widen what people see of image sets and their evaluations; called from `AppConfig.ready()`.

    Args:
        scope: Gives, for a person, the condition on ImageSet that lets sets through. It says nothing about real images:
            these are shown to nobody without `view_real`.
    """
    if scope not in _scopes:
        _scopes.append(scope)


def set_scope(user: User) -> Q:
    """The union of all registered scopes for one person."""
    condition = Q(pk__in=[])
    for scope in _scopes:
        condition |= scope(user)
    return condition
