"""Pages of data sets, trainings and generators. They show; every change goes through the REST API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.ml.config import PRESETS
from generation.models import Dataset, DatasetRole, Generator, SourceImage, Split, SyntheticImage, Training
from generation.services import access, images
from synthlab.accounts.models import User
from synthlab.core.people import person_of

GALLERY_PAGE = 60
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


@login_required
@require_safe
def dataset_gallery(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The real images, for those who hold `view_real`."""
    dataset = get_object_or_404(Dataset.objects.visible_to(person_of(request)), pk=pk)
    rows = dataset.images.viewable_by(person_of(request)).present().select_related("group")
    split = request.GET.get("split", "")
    if split in Split.values:
        rows = rows.in_split(split)
    page = Paginator(rows, GALLERY_PAGE).get_page(request.GET.get("page"))
    context = {
        "dataset": dataset,
        "page": page,
        "split": split,
        "splits": [(split.value, title) for split, title in SPLIT_TITLES.items()],
        "may_view_real": access.may_view_real(person_of(request), dataset),
    }
    return render(request, "generation/dataset_gallery.html", context)


@login_required
@require_safe
def real_thumbnail(request: HttpRequest, pk: UUID, image: UUID) -> HttpResponseBase:
    """One real image, small; audited like every look at a real image."""
    rows = SourceImage.objects.viewable_by(person_of(request)).present().filter(dataset=pk)
    row = get_object_or_404(rows.select_related("dataset"), pk=image)
    return images.serve_real_image(request, actor=person_of(request), image=row, thumbnail=True)


@login_required
@require_safe
def training_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Training.objects.visible_to(person_of(request)).select_related("dataset", "job")
    training = get_object_or_404(rows, pk=pk)
    context = {
        "training": training,
        "generators": training.generators.all(),
        "has_samples": training.samples.exists(),
        "config": sorted(training.config.items()),
        "may_use": access.may_use(person_of(request), training.dataset),
        "is_live": training.state in ("queued", "running"),
        "is_resumable": training.state in ("paused", "cancelled", "failed"),
    }
    return render(request, "generation/training_detail.html", context)


@login_required
@require_safe
def generator_list(request: HttpRequest) -> HttpResponse:
    generators = Generator.objects.visible_to(person_of(request)).select_related("dataset")
    page = Paginator(generators, LIST_PAGE).get_page(request.GET.get("page"))
    return render(request, "generation/generator_list.html", {"page": page})


@login_required
@require_safe
def generator_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Generator.objects.visible_to(person_of(request)).select_related(
        "dataset", "training", "approved_by"
    )
    generator = get_object_or_404(rows, pk=pk)
    preview = SyntheticImage.objects.filter(batch__generator=generator).order_by(
        "batch__created_at", "index"
    )[:24]
    context = {
        "generator": generator,
        "batches": generator.batches.all()[:30],
        "preview": preview,
        "card": _readable(generator.card),
        "is_owner": access.is_owner(person_of(request), generator.dataset),
        "may_use": access.may_use(person_of(request), generator.dataset),
    }
    return render(request, "generation/generator_detail.html", context)


def _readable(card: dict[str, Any]) -> list[tuple[str, Any]]:
    """The card's plain entries, one level of its parts unfolded, in its own order, for a table."""
    parts = {"": {name: value for name, value in card.items() if name != "digest"}}
    parts |= {name: card[name] for name in ("data", "run", "machine") if isinstance(card.get(name), dict)}
    return [
        (f"{part} {name}".strip().replace("_", " ").capitalize(), _plain(value))
        for part, values in parts.items()
        for name, value in values.items()
        if not isinstance(value, dict | list) and value not in (None, "")
    ]


def _plain(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
