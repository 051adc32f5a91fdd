"""Pages of snapshots: choose, freeze, compare, sign, hold, export."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotation.export.registry import FORMATS
from annotation.models import DECIDED_ITEM_STATES, Snapshot, Study, StudyRole
from annotation.services.access import roles_in
from annotation.services.choosing import REASONS
from annotation.services.comparing import compare_with_batches
from annotation.services.exporting import describe_formats
from annotation.services.planning import preview_snapshot
from annotation.services.sealing import public_key
from annotation.services.signing import signature_holds
from annotation.services.snapshots import latest_evaluation
from annotation.views.freezing import FreezeForm, filter_words
from evaluation.models import EvaluationState
from synthlab.accounts.models import User
from synthlab.core.people import person_of


@login_required
@require_safe
def snapshot_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = _managed(request, pk)
    context = {
        "study": study,
        "accepted": study.items.for_snapshot().count(),
        "undecided": study.items.synthetic().exclude(state__in=DECIDED_ITEM_STATES).count(),
        "snapshots": study.snapshots.select_related("signed_by", "countersigned_by").prefetch_related(
            "holds"
        ),
    }
    return render(request, "annotation/snapshot_list.html", context)


@login_required
@require_safe
def snapshot_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose what to freeze and see what that takes. Only the button at the end freezes, through REST."""
    study = _managed(request, pk)
    form = FreezeForm(request.GET if "chosen" in request.GET else None, study=study)
    context: dict[str, Any] = {"study": study, "form": form}
    if not form.is_bound or form.is_valid():
        filters = form.filters() if form.is_bound else {}
        splits = form.splits() if form.is_bound else None
        context |= {
            "preview": preview_snapshot(study, filters, splits),
            "filters": json.dumps(filters),
            "splits": json.dumps(splits),
            "is_split": splits is not None,
        }
    return render(request, "annotation/snapshot_new.html", context)


@login_required
@require_safe
def snapshot_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = person_of(request)
    rows = Snapshot.objects.visible_to(user).select_related(
        "study__schema", "image_set", "evaluation", "signed_by", "countersigned_by", "created_by"
    )
    snapshot = get_object_or_404(rows, pk=pk)
    evaluation = snapshot.evaluation or latest_evaluation(snapshot)
    measured = evaluation if evaluation and evaluation.state == EvaluationState.SUCCEEDED else None
    context = {
        "snapshot": snapshot,
        "study": snapshot.study,
        "evaluation": evaluation,
        "is_measured": measured is not None,
        "comparison": compare_with_batches(snapshot, measured) if measured else None,
        "holds": signature_holds(snapshot) if snapshot.signature else None,
        "signing_key": public_key(),
        "others": _others(snapshot, user),
        "may_sign": snapshot.signed_by_id != user.pk,
        "barriers": snapshot.holds.select_related("withdrawal", "decided_by"),
        "exports": [
            (export, FORMATS[export.format].title) for export in snapshot.exports.select_related("job")
        ],
        "formats": [_shown(row) for row in describe_formats(snapshot)] if snapshot.is_signed else [],
        **_content(snapshot),
    }
    return render(request, "annotation/snapshot_detail.html", context)


def _managed(request: HttpRequest, pk: UUID) -> Study:
    user = person_of(request)
    study = get_object_or_404(Study.objects.visible_to(user).select_related("schema", "dataset"), pk=pk)
    if StudyRole.MANAGER not in roles_in(user, study):
        raise Http404
    return study


def _others(snapshot: Snapshot, user: User) -> list[User]:
    """Who else could sign."""
    managers = User.objects.filter(
        memberships__study=snapshot.study, memberships__role=StudyRole.MANAGER, is_active=True
    )
    return list(managers.exclude(pk__in=(user.pk, snapshot.signed_by_id or user.pk)).order_by("username"))


def _content(snapshot: Snapshot) -> dict[str, Any]:
    """What was taken and what was not, as it was when it was frozen."""
    facts = snapshot.facts
    splits = facts.get("splits", {})
    return {
        "filter_words": filter_words(snapshot.study, snapshot.filters),
        "excluded": [(REASONS.get(code, code), count) for code, count in facts.get("excluded", {}).items()],
        "splits": [
            (name, splits["images"].get(name, 0), round(100 * share))
            for name, share in splits.get("shares", {}).items()
        ],
        "split_seed": splits.get("seed"),
        "families": facts.get("families"),
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A format as the page shows it: what costs nothing is left out; the sum is of what its options as they stand cost."""
    costly = [loss for loss in row["losses"] if loss["values"]]
    options = [
        {
            "name": f"options.{option.name}",
            "title": option.title,
            "default": option.default,
            "choices": [{"value": choice, "label": choice} for choice in option.choices],
            "lowest": option.lowest,
            "highest": option.highest,
        }
        for option in row["options"]
    ]
    defaults = {option.name: option.default for option in row["options"]}
    values = sum(loss["values"] for loss in costly if (loss["only_with"] or {}).items() <= defaults.items())
    return {**row, "options": options, "losses": costly, "values": values}
