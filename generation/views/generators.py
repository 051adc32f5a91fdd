"""Pages of generators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import (
    MAX_BATCH_SIZE,
    MAX_CANDIDATE_IMAGES,
    Generator,
    GeneratorState,
    SyntheticImage,
    TrainingSample,
)
from generation.services import access
from generation.services.cloning import own_settings
from generation.services.consequences import withdrawn_since
from synthlab.core.people import person_of

LIST_PAGE = 50


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
        "withdrawn_since": withdrawn_since(generator),
        "preview": preview,
        **_most_images(generator),
        "card": _readable(generator.card),
        "own_settings": own_settings(generator.card["config"]) if generator.card.get("config") else None,
        "class_counts": _counts(generator.card),
        "chosen_sample": _chosen_sample(generator),
        "is_owner": access.is_owner(person_of(request), generator.dataset),
        "may_use": access.may_use(person_of(request), generator.dataset),
        "may_view_real": access.may_view_real(person_of(request), generator.dataset),
    }
    return render(request, "generation/generator_detail.html", context)


def _most_images(generator: Generator) -> dict[str, Any]:
    """How many images one batch may have, and the words for it beside the form."""
    if generator.state == GeneratorState.CANDIDATE:
        words = f"A candidate makes at most {MAX_CANDIDATE_IMAGES:,} in all, so that it can be judged."
        return {"most_images": MAX_CANDIDATE_IMAGES, "most_images_help": words}
    return {"most_images": MAX_BATCH_SIZE, "most_images_help": f"At most {MAX_BATCH_SIZE:,} in one batch."}


def _counts(card: dict[str, Any]) -> list[tuple[str, int]]:
    """Training images by class, as the card tells them."""
    data = card.get("data")
    counts = data.get("classes") if isinstance(data, dict) else None
    return sorted(counts.items()) if isinstance(counts, dict) else []


def _chosen_sample(generator: Generator) -> TrainingSample | None:
    """The grid of the step whose weights these are; the last one before it where none was drawn at it."""
    if generator.training is None:
        return None
    run = generator.card.get("run", {})
    step = (run.get("chosen") or {}).get("step", run.get("steps", generator.training.step))
    return generator.training.samples.filter(step__lte=int(step)).order_by("-step").first()


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
