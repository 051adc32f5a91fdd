"""The report of an evaluation, its nearest pairs, and two reports side by side. Every change goes through REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evaluation.models import Evaluation, EvaluationState, GateDecision
from evaluation.services import comparing, reporting
from evaluation.services.clinicians import acceptance_of
from evaluation.services.history import history_of
from evaluation.services.looks import looks_at
from evaluation.services.set_owners import owner_of
from generation.models import Batch
from generation.services import access, images
from synthlab.core.exceptions import DomainError
from synthlab.core.people import person_of

PAIRS_PAGE = 24
COMPARABLE_SHOWN = 30


def _visible(request: HttpRequest) -> QuerySet[Evaluation]:
    rows = Evaluation.objects.visible_to(person_of(request))
    return rows.select_related("image_set__batch__generator", "dataset", "policy", "job", "requested_by")


@login_required
@require_safe
def evaluation_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    evaluation = get_object_or_404(_visible(request), pk=pk)
    person, image_set = person_of(request), evaluation.image_set
    batch = image_set.batch
    context: dict[str, Any] = {
        "evaluation": evaluation,
        "owner": owner_of(person, image_set),
        # Who manages a study that may be filled from the batch reads its report, not its page.
        "may_see_batch": batch and Batch.objects.visible_to(person).filter(pk=batch.pk).exists(),
    }
    if evaluation.state == EvaluationState.SUCCEEDED:
        context |= _finished(request, evaluation)
    return render(request, "evaluation/evaluation_detail.html", context)


def _finished(request: HttpRequest, evaluation: Evaluation) -> dict[str, Any]:
    alike = comparing.comparable_with(evaluation).filter(pk__in=_visible(request))
    like_copies = evaluation.scores.like_copies().with_review()
    decisions = GateDecision.objects.live().select_related("decided_by")
    batch, acceptance = evaluation.image_set.batch, acceptance_of(evaluation.image_set)
    return {
        **reporting.present_evaluation(evaluation),
        "decision": decisions.filter(batch=batch).first() if batch else None,
        "acceptance": acceptance,
        "flagged": like_copies.count(),
        "uncleared": like_copies.uncleared().count(),
        "history": history_of(evaluation, _visible(request)),
        "looks": looks_at(evaluation.dataset),
        "others": alike.select_related("image_set__batch__generator")[:COMPARABLE_SHOWN],
        "may_view_real": access.may_view_real(person_of(request), evaluation.dataset),
    }


@login_required
@require_safe
def evaluation_pairs(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Synthetic images beside their nearest real ones; showing a page of them is one event of the audit."""
    evaluation = get_object_or_404(_visible(request), pk=pk)
    person = person_of(request)
    if not access.may_view_real(person, evaluation.dataset):
        raise Http404
    only_flagged = request.GET.get("show") != "all"
    scores = (
        evaluation.scores.like_copies() if only_flagged else evaluation.scores.filter(nearest__isnull=False)
    )
    rows = scores.with_review().select_related("image", "nearest").order_by("ratio", "id")
    page = Paginator(rows, PAIRS_PAGE).get_page(request.GET.get("page"))
    seen = {
        score.nearest_id: score.nearest for score in page if score.nearest and not score.nearest.withdrawn_at
    }
    passes = images.record_looks(actor=person, dataset=evaluation.dataset, images=list(seen.values()))
    context = {
        "evaluation": evaluation,
        "page": page,
        "pairs": [
            {"score": score, "pass": passes.get(score.nearest.pk, "") if score.nearest else ""}
            for score in page
        ],
        "only_flagged": only_flagged,
    }
    return render(request, "evaluation/evaluation_pairs.html", context)


@login_required
@require_safe
def evaluation_compare(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Two evaluations side by side; what cannot be compared is said in place of numbers."""
    first = get_object_or_404(_visible(request), pk=pk)
    try:
        second = get_object_or_404(_visible(request), pk=request.GET.get("with", ""))
    except ValidationError as error:
        raise Http404 from error
    context: dict[str, Any] = {"first": first, "second": second, "both": (first, second)}
    try:
        context["comparison"] = comparing.compare_evaluations(first, second)
    except DomainError as refusal:
        context["refusal"] = refusal.detail
    return render(request, "evaluation/evaluation_compare.html", context)
