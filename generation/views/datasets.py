"""The list of data sets, and the page of one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.ml.config import PRESETS
from generation.models import Dataset, DatasetRole, Split
from generation.services import access
from synthlab.accounts.models import User
from synthlab.core.people import person_of

LIST_PAGE = 50
SPLIT_TITLES = {Split.TRAIN: "Training", Split.VAL: "Validation", Split.HELD_OUT: "Held out"}


@login_required
@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    datasets = Dataset.objects.visible_to(person_of(request)).select_related("owner").with_counts()
    page = Paginator(datasets, LIST_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "may_create": person_of(request).is_scientist}
    return render(request, "generation/dataset_list.html", context)


@login_required
@require_safe
def dataset_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    dataset = get_object_or_404(Dataset.objects.visible_to(person_of(request)), pk=pk)
    ingest = dataset.ingests.select_related("job").first()
    context = {
        "dataset": dataset,
        "ingest": ingest,
        "splits": _split_table(dataset),
        "trainings": dataset.trainings.all()[:20],
        "generators": dataset.generators.all()[:20],
        "members": dataset.members.select_related("user"),
        "is_owner": access.is_owner(person_of(request), dataset),
        "may_use": access.may_use(person_of(request), dataset),
        "may_view_real": access.may_view_real(person_of(request), dataset),
        "presets": [{"value": name, "label": name} for name in PRESETS],
        "people": _people_to_add(dataset),
        "member_roles": [{"value": value, "label": label} for value, label in DatasetRole.choices],
    }
    return render(request, "generation/dataset_detail.html", context)


def _people_to_add(dataset: Dataset) -> list[dict[str, str]]:
    people = User.objects.filter(is_active=True).exclude(dataset_memberships__dataset=dataset)
    return [{"value": str(person.pk), "label": str(person)} for person in people]


def _split_table(dataset: Dataset) -> list[dict[str, Any]]:
    present = Q(images__withdrawn_at__isnull=True)
    rows = dataset.groups.values("split").annotate(
        image_count=Count("images", filter=present), group_count=Count("pk", distinct=True)
    )
    by_split = {row["split"]: row for row in rows}
    return [{"title": SPLIT_TITLES[split], **by_split[split]} for split in Split if split in by_split]
