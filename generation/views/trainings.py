"""The page of a training."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import Training
from generation.services import access
from synthlab.core.people import person_of


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
