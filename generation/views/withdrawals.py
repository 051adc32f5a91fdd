"""Withdrawing real images: what it touches, before; what it touched, for ever after."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import Dataset, Split
from generation.services import access
from generation.services.composition import SPLIT_TITLES
from generation.services.consequences import Consequences, consequences_of
from generation.services.withdrawing import preview_withdrawal
from synthlab.core.exceptions import DomainError
from synthlab.core.people import person_of

LIST_PAGE = 20


@login_required
@require_safe
def withdrawal_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What it would touch to withdraw the images or groups that the query names, and the form that does it."""
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person), pk=pk)
    if not access.is_owner(person, dataset):
        raise Http404
    images, groups = _ids(request, "image"), _ids(request, "group")
    context: dict[str, Any] = {
        "dataset": dataset,
        "images": json.dumps([str(each) for each in images]),
        "groups": json.dumps([str(each) for each in groups]),
    }
    try:
        touched = preview_withdrawal(actor=person, dataset=dataset, images=images, groups=groups)
        context |= {"touched": touched, "splits": _splits(touched)}
    except DomainError as refusal:
        context["refusal"] = refusal
    return render(request, "generation/withdrawal_new.html", context)


@login_required
@require_safe
def withdrawal_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Everything that was withdrawn, and what it had gone into by then."""
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person), pk=pk)
    rows = (
        dataset.withdrawals.with_counts().select_related("requested_by", "job").order_by("-created_at", "-id")
    )
    page = Paginator(rows, LIST_PAGE).get_page(request.GET.get("page"))
    shown = []
    for row in page:
        touched = consequences_of(dataset, row.images.all(), seen_by=person)
        shown.append({"row": row, "touched": touched, "splits": _splits(touched)})
    context = {
        "dataset": dataset,
        "page": page,
        "shown": shown,
        "is_owner": access.is_owner(person, dataset),
        "may_view_real": access.may_view_real(person, dataset),
    }
    return render(request, "generation/withdrawal_list.html", context)


def _splits(touched: Consequences) -> list[tuple[str, int]]:
    return [(SPLIT_TITLES[Split(split)], count) for split, count in sorted(touched.by_split.items())]


def _ids(request: HttpRequest, name: str) -> list[UUID]:
    found = []
    for text in request.GET.getlist(name):
        try:
            found.append(UUID(text))
        except ValueError:
            raise Http404 from None
    return found
