"""The list of data sets, and the page of one."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import Dataset, DatasetRole, Generator, SourceImage, Symmetries
from generation.services import access
from generation.services.composition import composition_of
from generation.services.consequences import generators_to_decide
from generation.services.looks import looks_at_validation
from generation.views.uploads import uploads_of
from synthlab.accounts.models import User
from synthlab.core.people import person_of

LIST_PAGE = 50
SYMMETRIES = {
    Symmetries.DIHEDRAL: "All eight turns and mirrorings show the same thing (tissue)",
    Symmetries.FLIPS: "Mirrored it shows the same thing, turned it does not",
    Symmetries.NONE: "None: left and right, up and down have a meaning (chest X-ray)",
}


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
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person), pk=pk)
    composition = composition_of(dataset)
    context = {
        "dataset": dataset,
        "ingest": dataset.ingests.select_related("job").first(),
        "uploads": uploads_of(dataset, person),
        "composition": composition,
        "advice": composition.advice(),
        "looks": looks_at_validation(dataset),
        "symmetries": [{"value": value, "label": label} for value, label in SYMMETRIES.items()],
        "symmetry": SYMMETRIES[Symmetries(dataset.symmetries)],
        "to_decide": generators_to_decide(dataset),
        "withdrawn_elsewhere": _withdrawn_elsewhere(dataset),
        "lineage": _lineage(dataset),
        "trainings": dataset.trainings.all()[:20],
        "members": dataset.members.select_related("user"),
        "is_owner": access.is_owner(person, dataset),
        "may_use": access.may_use(person, dataset),
        "may_view_real": access.may_view_real(person, dataset),
        "people": _people_to_add(dataset),
        "member_roles": [{"value": value, "label": label} for value, label in DatasetRole.choices],
    }
    return render(request, "generation/dataset_detail.html", context)


def _people_to_add(dataset: Dataset) -> list[dict[str, str]]:
    people = User.objects.filter(is_active=True).exclude(dataset_memberships__dataset=dataset)
    return [{"value": str(person.pk), "label": str(person)} for person in people]


def _withdrawn_elsewhere(dataset: Dataset) -> int:
    """How many present images have pixels that were withdrawn from another data set."""
    gone = SourceImage.objects.filter(withdrawn_at__isnull=False).exclude(dataset=dataset)
    return dataset.images.present().filter(pixel_digest__in=gone.values("pixel_digest")).count()


def _lineage(dataset: Dataset) -> QuerySet[Generator]:
    """What grew from the data set: its generators with the training they came from and what they made."""
    return (
        dataset.generators.select_related("training")
        .annotate(batch_count=Count("batches"), asked_for=Sum("batches__count"))
        .order_by("-created_at")[:50]
    )
