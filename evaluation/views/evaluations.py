"""The report of an evaluation. It shows; every change goes through REST."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evaluation.models import Evaluation
from evaluation.views.numbers import shown_metric
from generation.services import access
from synthlab.core.people import person_of


@login_required
@require_safe
def evaluation_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Evaluation.objects.visible_to(person_of(request)).select_related(
        "image_set__batch", "dataset", "policy", "job"
    )
    evaluation = get_object_or_404(rows, pk=pk)
    flagged = evaluation.scores.exclude(flags=[]).select_related("image", "nearest").order_by("ratio")
    context = {
        "evaluation": evaluation,
        "metrics": [shown_metric(metric) for metric in evaluation.metrics.filter(class_key="")],
        "by_class": [
            {"class": metric.class_key, **shown_metric(metric)}
            for metric in evaluation.metrics.exclude(class_key="")
        ],
        "flagged": flagged[:60],
        "flagged_count": flagged.count(),
        "may_view_real": access.may_view_real(person_of(request), evaluation.dataset),
        "looks": Evaluation.objects.filter(dataset=evaluation.dataset, split=evaluation.split).count(),
    }
    return render(request, "evaluation/evaluation_detail.html", context)
