"""Pages by cursor: stable under insertion, and as fast on the last page as on the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from synthlab.core.api.errors import InvalidQuery

if TYPE_CHECKING:
    from rest_framework.views import APIView


class CursorPages(CursorPagination):
    """`{"next", "previous", "results"}` of at most 200 rows, with a Link header.

    A viewset sets `ordering`, a tuple of fields that ends with a unique one.
    """

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = ("-created_at", "-id")

    def __init__(self, chosen: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self._chosen = chosen

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...]:
        """The endpoint's own ordering; callers cannot choose one."""
        chosen = self._chosen or getattr(view, "ordering", None) or self.ordering
        return (chosen,) if isinstance(chosen, str) else tuple(chosen)

    def get_page_size(self, request: Request) -> int:
        """The asked size, capped.

        Raises:
            InvalidQuery: It is not a whole number above 0.
        """
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and int(asked) > 0):
            raise InvalidQuery("page_size must be a whole number above 0.")
        return min(int(asked), self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The position that a cursor names.

        Raises:
            NotFound: It cannot be decoded; REST framework would begin again at the first page.
        """
        cursor = super().decode_cursor(request)
        if cursor is not None and not (cursor.position or cursor.offset or cursor.reverse):
            raise NotFound
        return cursor

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """One page of rows.

        Raises:
            InvalidQuery: The cursor was not made by this list.
        """
        try:
            return super().paginate_queryset(queryset, request, view)
        # A forged cursor can hold any text where a date or number is expected.
        except (NotFound, ValidationError, ValueError, OverflowError, DataError) as error:
            raise InvalidQuery(
                "The cursor is not one that this list gave out. Start again without it.",
                code="invalid_cursor",
            ) from error

    def get_paginated_response(self, data: Any) -> Response:
        """The page, with the neighbours in the body and in a Link header."""
        following, previous = self.get_next_link(), self.get_previous_link()
        links = [f'<{url}>; rel="{rel}"' for url, rel in ((following, "next"), (previous, "prev")) if url]
        headers = {"Link": ", ".join(links)} if links else {}
        return Response({"next": following, "previous": previous, "results": data}, headers=headers)
