"""Pages of a list for people: previous, next, and where one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

PER_PAGE = 50
LAST_PAGE = 2000


@dataclass(frozen=True)
class Page:
    """One page of rows, with what `components/_pager.html` needs."""

    rows: list[Any]
    previous_url: str
    next_url: str
    text: str


def page_of(request: HttpRequest, rows: QuerySet[Any], *, per_page: int = PER_PAGE) -> Page:
    """The page that `?page=` names; the first when it names none.

    It looks one row ahead instead of counting, which is slow on long tables.
    """
    asked = request.GET.get("page", "1")
    number = (
        min(max(int(asked), 1), LAST_PAGE) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    )
    start = (number - 1) * per_page
    found = list(rows[start : start + per_page + 1])
    shown, more = found[:per_page], len(found) > per_page
    text = f"{start + 1}–{start + len(shown)}" if shown else ""
    return Page(
        rows=shown,
        previous_url=_url(request, number - 1) if number > 1 else "",
        next_url=_url(request, number + 1) if more else "",
        text=text,
    )


def _url(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"
