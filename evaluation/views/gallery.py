"""The gallery of a batch, and one of its images. They show; every change goes through REST."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from evaluation.models import ImageScore
from evaluation.services import gallery
from evaluation.services.gallery import ANY, DISCARDED, FLAG_TITLES, NONE, ORDERS, ImageFilter
from evaluation.services.image_uses import Happening, history_elsewhere
from generation.models import Batch, BatchState, DiscardReason, ImageAction, SyntheticImage
from generation.services import access
from synthlab.accounts.models import User
from synthlab.core.people import person_of

REASONS = [{"value": value, "label": label} for value, label in DiscardReason.choices]

_RECIPE_WORDS = {"seed": "Seed of the image", "dtype": "Precision", "forward_size": "Images in a pass"}


@login_required
@require_safe
def batch_gallery(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The frame of the gallery; its script asks for the images."""
    batch = _batch(request, pk)
    evaluation = gallery.latest_evaluation(batch)
    context = {
        **_frame(request, batch),
        "evaluation": evaluation,
        "at_work": batch.state in (BatchState.QUEUED, BatchState.RUNNING),
        "classes": batch.generator.classes,
        "flags": FLAG_TITLES.items(),
        "image_page": reverse("batch-image", args=[batch.pk, 0]).removesuffix("0/"),
    }
    return render(request, "evaluation/batch_gallery.html", context)


@login_required
@require_safe
def batch_image(request: HttpRequest, pk: UUID, index: int) -> HttpResponse:
    """One image: its pixels, recipe, scores, what happened to it, and its neighbours in the filtered list."""
    batch = _batch(request, pk)
    image = get_object_or_404(batch.images.select_related("batch", "discard__made_by"), index=index)
    person = person_of(request)
    wishes, ordering = _wishes(request)
    before, after = gallery.neighbours(batch, image, wishes, ordering)
    scores = ImageScore.objects.filter(image=image).select_related("evaluation", "nearest")
    latest = scores.filter(evaluation=gallery.latest_evaluation(batch)).first()
    context = {
        **_frame(request, batch),
        "image": image,
        "before": before,
        "after": after,
        "query": request.GET.urlencode(),
        "recipe": list(_recipe(image)),
        "score": latest,
        "flags": [(flag, FLAG_TITLES.get(flag, flag)) for flag in (latest.flags if latest else [])],
        "may_view_real": access.may_view_real(person, batch.generator.dataset),
        "history": sorted(_history(person, image, scores), key=lambda one: one.at),
    }
    return render(request, "evaluation/batch_image.html", context)


def _recipe(image: SyntheticImage) -> Iterator[tuple[str, Any]]:
    """Both seeds: the file names the batch's, from which with class and index the image's own follows."""
    yield "Seed of the batch", image.batch.seed
    for name, value in image.recipe.items():
        yield _RECIPE_WORDS.get(name, name.replace("_", " ").capitalize()), value


def _batch(request: HttpRequest, pk: UUID) -> Batch:
    rows = Batch.objects.visible_to(person_of(request))
    return get_object_or_404(rows.select_related("generator__dataset", "job", "requested_by"), pk=pk)


def _frame(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch,
        "may_use": access.may_use(person_of(request), batch.generator.dataset),
        "reasons": REASONS,
    }


def _wishes(request: HttpRequest) -> tuple[ImageFilter, str]:
    """The gallery's filter, from its address; what is not known there is ignored, as a page may."""
    told = request.GET
    flag, ordering = told.get("flag", ""), told.get("ordering", "index")
    wishes = ImageFilter(
        class_key=told.get("class") or None,
        flag=flag if flag in (*FLAG_TITLES, ANY, NONE) else "",
        min_ratio=_number(told.get("min_ratio", "")),
        max_ratio=_number(told.get("max_ratio", "")),
        discarded=DISCARDED.get(told.get("discarded", ""), False),
    )
    return wishes, ordering if ordering in ORDERS else "index"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _history(person: User, image: SyntheticImage, scores: Any) -> Iterator[Happening]:
    """What happened to an image here, and in the apps above."""
    yield Happening(
        at=image.created_at,
        title=f"Made for {image.batch.requested_by}",
        detail=f"As number {image.index} of {image.batch.count:,}.",
    )
    for score in scores:
        evaluation = score.evaluation
        found = ", ".join(score.flags) or "no flag"
        told = f"Ratio {score.ratio:.2f}, {found}." if score.ratio is not None else f"{found.capitalize()}."
        yield Happening(
            at=evaluation.completed_at or evaluation.created_at,
            title="Measured",
            detail=told,
            url=reverse("evaluation-page", args=[evaluation.pk]),
        )
    for decision in image.batch.image_decisions.select_related("made_by"):
        if decision.concerns(image.index):
            discarded = decision.action == ImageAction.DISCARDED
            why = ": ".join(filter(None, (decision.get_reason_display(), decision.comment)))
            others = f"With {decision.image_count - 1:,} others." if decision.image_count > 1 else ""
            yield Happening(
                at=decision.created_at,
                title=f"{'Discarded' if discarded else 'Taken back'} by {decision.made_by}",
                detail=" ".join(filter(None, (f"{why}." if why else "", others))),
            )
    yield from history_elsewhere(person, image)
