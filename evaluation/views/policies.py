"""Pages of the gate's thresholds: what is judged, by whom it was set, and a form for a new version."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evaluation.ml.judge import Policy, meanings
from evaluation.models import GatePolicy
from evaluation.services import gating
from synthlab.core.people import person_of


@login_required
@require_safe
def policy_list(request: HttpRequest) -> HttpResponse:
    context = {
        "policies": [
            {"policy": policy, "judged": gating.judged_by(policy.name)} for policy in gating.newest_policies()
        ],
        "may_add": gating.may_set_thresholds(person_of(request)),
        "fields": _fields(Policy().to_mapping()),
    }
    return render(request, "evaluation/policy_list.html", context)


@login_required
@require_safe
def policy_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    policy = get_object_or_404(GatePolicy.objects.select_related("created_by"), pk=pk)
    versions = GatePolicy.objects.filter(name=policy.name).select_related("created_by")
    thresholds = gating.thresholds_of(policy).to_mapping()
    context = {
        "policy": policy,
        "versions": versions,
        "is_newest": policy.version == max(version.version for version in versions),
        "fields": _fields(thresholds),
        "judged": gating.judged_by(policy.name, policy.version),
        "may_change": gating.may_set_thresholds(person_of(request), policy.name),
    }
    return render(request, "evaluation/policy_detail.html", context)


def _fields(thresholds: dict[str, float | None]) -> list[dict[str, Any]]:
    words, defaults = meanings(), Policy().to_mapping()
    return [
        {
            "name": name,
            "meaning": f"{words[name][:1].upper()}{words[name][1:]}",
            "value": value,
            "text": "" if value is None else f"{value:g}",
            "default": defaults[name],
            "default_text": "" if defaults[name] is None else f"{defaults[name]:g}",
        }
        for name, value in thresholds.items()
    ]
