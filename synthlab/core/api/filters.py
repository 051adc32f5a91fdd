"""Lists can be narrowed by declared filters only; anything else in the query is refused, not ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from synthlab.core.api.errors import InvalidQuery

if TYPE_CHECKING:
    from rest_framework.views import APIView

PAGE_PARAMETERS = frozenset({"cursor", "page_size"})


class DeclaredFilters(DjangoFilterBackend):  # type: ignore[misc]
    """django-filter, strict: an unknown parameter of a list is a 400.

    Silently ignoring `?owner__password__startswith=a` would be safe today and a leak on the day
    somebody adds a look-up; and a misspelt filter that returns everything misleads the caller.
    A viewset that reads further parameters itself names them in `query_parameters`.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        """Apply the view's filters.

        Raises:
            InvalidQuery: A parameter is unknown, or its value does not fit.
        """
        if getattr(view, "action", None) == "list":
            self._refuse_unknown(request, queryset, view)
        try:
            rows: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        except ValidationError as error:
            raise InvalidQuery(words_of(error)) from error
        return rows

    def _refuse_unknown(self, request: Request, queryset: QuerySet[Any], view: APIView) -> None:
        filterset_class = self.get_filterset_class(view, queryset)
        known = PAGE_PARAMETERS | set(getattr(view, "query_parameters", ()))
        known |= set(filterset_class.base_filters) if filterset_class else set()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise InvalidQuery(
                f"Unknown parameter {unknown[0][:80]!r}. Known here: {', '.join(sorted(known))}."
            )


def words_of(error: ValidationError) -> str:
    """The complaints of a validation in one line, each with the parameter that it is about."""
    details = error.detail
    if isinstance(details, dict):
        return "; ".join(
            f"{name}: {' '.join(str(word) for word in words)}" for name, words in details.items()
        )
    return " ".join(str(word) for word in details)
