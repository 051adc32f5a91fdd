"""Real images, for those who hold `view_real`: the gallery, one image, and what was withdrawn."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import Dataset, SourceImage, Split
from generation.services import access, images
from generation.services.composition import SPLIT_TITLES
from synthlab.core.models import AuditEvent
from synthlab.core.people import person_of

GALLERY_PAGE = 60
TRAININGS_SHOWN = 20
LOOKS_SHOWN = 10
FLAGS = {
    "blurred": "Blurred",
    "near_duplicate": "Near duplicate",
    "enlarged": "Enlarged",
    "burned_in_unknown": "May show text, looked at",
    "overruled": "Taken in by a person",
}


@login_required
@require_safe
def dataset_gallery(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A page of thumbnails; showing it is one event of the audit, which names every image on it."""
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person), pk=pk)
    may_view = access.may_view_real(person, dataset)
    wishes = _wishes(request, dataset)
    page = _page(request, dataset.images.viewable_by(person), wishes)
    seen = [image for image in page if image.withdrawn_at is None]
    passes = images.record_looks(actor=person, dataset=dataset, images=seen) if may_view else {}
    context = {
        "dataset": dataset,
        "page": page,
        "shown": [{"image": image, "pass": passes.get(image.pk, "")} for image in page],
        "wishes": wishes,
        "query": "".join(f"&{urlencode({name: value})}" for name, value in wishes.items() if value),
        "splits": [{"value": split.value, "label": title} for split, title in SPLIT_TITLES.items()],
        "classes": [{"value": entry["key"], "label": entry["title"]} for entry in dataset.classes],
        "flags": [{"value": value, "label": label} for value, label in FLAGS.items()],
        "may_view_real": may_view,
        "is_owner": access.is_owner(person, dataset),
    }
    return render(request, "generation/dataset_gallery.html", context)


def _wishes(request: HttpRequest, dataset: Dataset) -> dict[str, str]:
    """What to show, from the query; what is not known there is ignored, as a page may."""
    known = {
        "split": Split.values,
        "class": [entry["key"] for entry in dataset.classes],
        "flag": list(FLAGS),
        "withdrawn": ["yes"],
    }
    asked = {name: request.GET.get(name, "") for name in known}
    return {name: value if value in known[name] else "" for name, value in asked.items()}


def _page(request: HttpRequest, rows: QuerySet[SourceImage], wishes: dict[str, str]) -> Page[SourceImage]:
    rows = rows.filter(withdrawn_at__isnull=not wishes["withdrawn"]).select_related("group")
    if wishes["split"]:
        rows = rows.filter(group__split=wishes["split"])
    if wishes["class"]:
        rows = rows.filter(class_key=wishes["class"])
    if wishes["flag"]:
        # Flags are a list in JSON, which SQLite cannot search; in its text each is a word in quotes.
        rows = rows.annotate(flag_text=Cast("flags", TextField())).filter(
            flag_text__contains=f'"{wishes["flag"]}"'
        )
    return Paginator(rows, GALLERY_PAGE).get_page(request.GET.get("page"))


@login_required
@require_safe
def real_thumbnail(request: HttpRequest, pk: UUID, image: UUID) -> HttpResponseBase:
    """One real image, small: part of a recorded page by its pass, else recorded as a look of its own."""
    rows = SourceImage.objects.viewable_by(person_of(request)).present().filter(dataset=pk)
    row = get_object_or_404(rows.select_related("dataset"), pk=image)
    token = request.GET.get("pass", "")
    return images.serve_thumbnail(request, actor=person_of(request), image=row, token=token)


@login_required
@require_safe
def real_image(request: HttpRequest, pk: UUID, image: UUID) -> HttpResponse:
    """One image: in full size for those who may see it; its tombstone once it was withdrawn."""
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person), pk=pk)
    if not access.may_view_real(person, dataset) and not access.is_owner(person, dataset):
        raise Http404
    row = get_object_or_404(
        dataset.images.select_related("group", "ingest", "withdrawn_by", "withdrawal__job"), pk=image
    )
    looks = AuditEvent.objects.filter(action="real_image.viewed", target_id=row.pk).order_by("-at")
    looks = looks.select_related("actor") if access.is_owner(person, dataset) else looks.none()
    context = {
        "dataset": dataset,
        "image": row,
        "split": SPLIT_TITLES[Split(row.group.split)],
        "title": next((c["title"] for c in dataset.classes if c["key"] == row.class_key), row.class_key),
        "flags": [FLAGS.get(flag, flag) for flag in row.flags],
        "source": _facts(row.source),
        "methods": row.ingest.deidentification.get("methods", []),
        "group_size": row.group.images.present().count(),
        "trainings": dataset.trainings.filter(manifest_digest__in=row.manifests.values("digest")).order_by(
            "created_at"
        )[:TRAININGS_SHOWN],
        "looks": looks[:LOOKS_SHOWN],
        "look_count": looks.count(),
        "may_view_real": access.may_view_real(person, dataset),
        "is_owner": access.is_owner(person, dataset),
    }
    return render(request, "generation/real_image.html", context)


def _facts(source: dict[str, Any]) -> list[tuple[str, str]]:
    """How the pixels came about, in words: window, bits stored, box, tile."""
    return [
        (name.replace("_", " ").capitalize(), _plain(value))
        for name, value in source.items()
        if value not in (None, "", [], {})
    ]


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
