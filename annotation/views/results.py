"""What became of each image: accepted, returned, discarded; by whom and why."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotation.export.cells import safe_cell
from annotation.models import (
    Annotation,
    AnswerDecision,
    ItemState,
    Read,
    ReadState,
    Review,
    ReviewVerdict,
    Study,
    StudyRole,
)
from annotation.services.access import roles_in
from synthlab.accounts.models import User
from synthlab.core.paging import page_of
from synthlab.core.people import person_of

COLUMNS = (
    "item", "state", "read", "read_state", "reader", "submitted_at", "decision", "classes", "discard_reason",
    "regions", "confidence", "comment", "active_seconds", "idle_seconds", "verdict", "reviewer", "reviewed_at",
    "review_comment", "review_x", "review_y", "review_reason", "counts",
)  # fmt: skip
FILTERS = ("state", "reader", "reason", "class", "verdict", "reviewer")
NOT_REVIEWED = "none"


@login_required
@require_safe
def result_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = _managed(person_of(request), pk)
    chosen = _chosen(request)
    page = page_of(request, _filtered(study, chosen))
    titles = dict(study.schema.classes.values_list("key", "title"))
    context = {
        "study": study,
        "page": page,
        "rows": [_row(read, titles) for read in page.rows],
        "states": [*ItemState.choices, (ReadState.RETURNED.value, "returned")],
        "readers": User.objects.filter(reads__study=study).distinct(),
        "reviewers": User.objects.filter(reviews_given__annotation__read__study=study).distinct(),
        "verdicts": ReviewVerdict.choices,
        "not_reviewed": NOT_REVIEWED,
        "classes": study.schema.classes.all(),
        "chosen": chosen,
    }
    return render(request, "annotation/result_list.html", context)


@login_required
@require_safe
def result_table(request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
    """The same rows as a table for a spreadsheet, streamed."""
    study = _managed(person_of(request), pk)
    rows = _filtered(study, _chosen(request))
    response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="results-{study.pk}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _chosen(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "") for name in FILTERS}


def _managed(user: User, pk: UUID) -> Study:
    study = get_object_or_404(Study.objects.visible_to(user).select_related("schema"), pk=pk)
    if StudyRole.MANAGER not in roles_in(user, study):
        raise Http404
    return study


def _filtered(study: Study, chosen: dict[str, str]) -> QuerySet[Read]:
    rows = Read.objects.filter(study=study, submitted_at__isnull=False)
    if chosen["state"] == ReadState.RETURNED:
        rows = rows.filter(state=ReadState.RETURNED)
    elif chosen["state"] in ItemState.values:
        rows = rows.filter(item__state=chosen["state"])
    if (reader := _uuid(chosen["reader"])) is not None:
        rows = rows.filter(reader=reader)
    if chosen["reason"]:
        rows = rows.filter(annotations__is_final=True, annotations__discard_reason=chosen["reason"])
    if chosen["class"]:
        # Text in a JSON list: the database's own containment look-up does not exist on SQLite.
        rows = rows.filter(annotations__is_final=True, annotations__classes__icontains=f'"{chosen["class"]}"')
    if chosen["verdict"] == NOT_REVIEWED:
        rows = rows.filter(~Exists(_reviews()))
    elif chosen["verdict"]:
        rows = rows.filter(Exists(_reviews().filter(verdict=chosen["verdict"])))
    if (reviewer := _uuid(chosen["reviewer"])) is not None:
        rows = rows.filter(Exists(_reviews().filter(reviewer=reviewer)))
    rows = rows.select_related("item", "reader", "study__schema").order_by("-submitted_at", "id")
    return rows.prefetch_related("annotations__regions", "annotations__reviews__reviewer")


def _reviews() -> QuerySet[Review]:
    return Review.objects.filter(annotation__read=OuterRef("pk"))


def _row(read: Read, titles: dict[str, str]) -> dict[str, Any]:
    final = next((row for row in read.annotations.all() if row.is_final), None)
    reviews = list(final.reviews.all()) if final else []
    return {
        "read": read,
        "item": read.item,
        "final": final,
        "review": reviews[-1] if reviews else None,
        "counts": bool(final and read.item.outcome_id == final.pk),
        "reason": _reason(read.study, final),
        "titles": [titles.get(key, key) for key in final.classes] if final else [],
    }


def _reason(study: Study, final: Annotation | None) -> str:
    if final is None or final.decision != AnswerDecision.DISCARDED:
        return ""
    titles = {row["key"]: row["title"] for row in study.schema.discard_reasons}
    return str(titles.get(final.discard_reason, final.discard_reason))


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: QuerySet[Read]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for read in rows.iterator(500):
        yield writer.writerow([safe_cell(value) for value in _values(_row(read, {}))])


def _values(row: dict[str, Any]) -> list[Any]:
    read, item, final, review = row["read"], row["item"], row["final"], row["review"]
    answer = ["", "", "", 0, "", ""]
    if final:
        answer = [
            final.decision, " ".join(final.classes), final.discard_reason, len(final.regions.all()), final.confidence,
            final.comment,
        ]  # fmt: skip
    said = [""] * 6
    if review:
        said = [
            review.verdict, review.reviewer.username, review.created_at.isoformat(), review.comment, review.point_x,
            review.point_y,
        ]  # fmt: skip
    return [
        item.pk, item.state, read.pk, read.state, read.reader.username, read.submitted_at.isoformat(), *answer,
        round(read.active_seconds, 1), round(read.idle_seconds, 1), *said, item.review_reason,
        "yes" if row["counts"] else "no",
    ]  # fmt: skip


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
