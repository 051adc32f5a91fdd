"""The page of a training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import Training
from generation.services import access
from generation.services.cloning import changes_to_try, differences
from synthlab.core.people import person_of


@login_required
@require_safe
def training_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Training.objects.visible_to(person_of(request)).select_related(
        "dataset", "job", "requested_by", "cloned_from"
    )
    training = get_object_or_404(rows, pk=pk)
    person, parent = person_of(request), training.cloned_from
    context = {
        "training": training,
        "generators": training.generators.all(),
        "parent": parent,
        "differences": list(differences(parent.config, training.config)) if parent else [],
        "clones": training.clones.all()[:20],
        "warnings": list(_warnings(training)),
        "may_choose": all(warning["code"] != "monitor_small" for warning in training.warnings),
        "config": sorted(training.config.items()),
        "may_use": access.may_use(person, training.dataset),
        "is_own": training.job is not None and training.job.requested_by_id == person.pk,
        "is_live": training.state in ("queued", "running"),
        "is_resumable": training.state in ("paused", "cancelled", "failed"),
    }
    return render(request, "generation/training_detail.html", context)


def _warnings(training: Training) -> Iterator[dict[str, Any]]:
    """What was said about a run, and what a clone would change about it; the error that ended it comes first."""
    code = training.job.error_code if training.job else ""
    if changes := changes_to_try(training, code):
        yield {"code": code, "detail": "A clone may go better with one change:", **_link(changes)}
    for told in training.warnings:
        changes = changes_to_try(training, told["code"], told.get("changes"))
        yield {**told, **_link(changes)}


def _link(changes: dict[str, Any]) -> dict[str, str]:
    plain = {name: f"{value:g}" for name, value in changes.items()}
    return {"query": urlencode(plain), "words": ", ".join(f"{name} {value}" for name, value in plain.items())}
