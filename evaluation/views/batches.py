"""Pages of batches, with the scores of their images. They show; every change goes through REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evaluation.models import Evaluation, EvaluationState, GateDecision
from evaluation.services import gating, reporting
from evaluation.services.image_sets import drift_of
from generation.models import Batch
from generation.services import access
from synthlab.core.people import person_of

PREVIEW = 24
AT_WORK = (EvaluationState.QUEUED, EvaluationState.RUNNING)
HEADLINE = ("fd", "kid", "copies", "nearest_real", "coverage", "vendi")


@login_required
@require_safe
def batch_list(request: HttpRequest) -> HttpResponse:
    live = GateDecision.objects.live().filter(batch=OuterRef("pk"))
    batches = (
        Batch.objects.visible_to(person_of(request))
        .select_related("generator__dataset", "job")
        .annotate(gate=Subquery(live.values("decision")[:1]))
    )
    page = Paginator(batches, 50).get_page(request.GET.get("page"))
    return render(request, "evaluation/batch_list.html", {"page": page})


@login_required
@require_safe
def batch_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Batch.objects.visible_to(person_of(request)).select_related("generator__dataset", "job")
    batch = get_object_or_404(rows, pk=pk)
    evaluations = Evaluation.objects.filter(image_set__batch=batch).select_related(
        "job", "image_set__batch", "policy"
    )
    latest = evaluations.filter(state=EvaluationState.SUCCEEDED).first()
    kept = batch.images.kept().order_by("index")
    context = {
        "batch": batch,
        "evaluations": evaluations,
        "latest": latest,
        "at_work": any(one.state in AT_WORK for one in evaluations),
        "metrics": _headline(latest),
        "decision": GateDecision.objects.live().select_related("decided_by").filter(batch=batch).first(),
        "history": GateDecision.objects.filter(batch=batch).select_related("decided_by"),
        "preview": kept[:PREVIEW],
        "image_count": batch.images.count(),
        "discarded_count": batch.images.discarded().count(),
        "drift": drift_of(latest.image_set) if latest else None,
        "is_owner": access.is_owner(person_of(request), batch.generator.dataset),
        "may_use": access.may_use(person_of(request), batch.generator.dataset),
        "policies": gating.newest_policies(),
    }
    return render(request, "evaluation/batch_detail.html", context)


def _headline(evaluation: Evaluation | None) -> list[dict[str, Any]]:
    """What people look for first: distance, its twin measure, copies, variety."""
    if evaluation is None:
        return []
    parts = reporting.present_evaluation(evaluation)["parts"]
    lines = {line["metric"]: line for part in parts for line in part["lines"]}
    return [lines[name] for name in HEADLINE if name in lines]
