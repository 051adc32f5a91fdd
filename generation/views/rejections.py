"""The page of what was not taken: looked at, taken in after all, or kept out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import Dataset, Ingest, Rejection, RejectionDecision
from generation.services import access, growth
from generation.services.rejections import reasons_of, undecided
from generation.views.real_images import FLAGS
from generation.views.uploads import title_of
from synthlab.core.people import person_of

PER_PAGE = 50
_QUARANTINE = "burned_in_unknown"
_QUARANTINE_SHOWN = 24

# What a person can do about a reason, beside what the sentence of each place says.
ADVICE = {
    "blank": "Take one in only if a flat picture is a finding in itself.",
    "near_duplicate": "If both show the same patient, upload them with the patient's key: within a patient pictures may look alike.",
    "near_duplicate_known": "If both show the same patient, upload them with the patient's key: within a patient pictures may look alike.",
    "too_small": "A small picture is enlarged when it is taken in, and marked so: most of its pixels are then invented.",
    "blurred": "What is usual differs by modality. Take in what your eye calls sharp enough.",
    "burned_in": "The files say it themselves. Mask the text at its source and upload them again.",
}
_WHY_NOT = {
    "exact_duplicate": "the same pixels are there already",
    "already_present": "the same pixels are there already",
    "withdrawn_before": "a patient or owner took these pixels out",
    "burned_in": "the file says that a patient's text is in the pixels",
}
_DECIDED = {
    RejectionDecision.OVERRULED: ("taken in", "ok"),
    RejectionDecision.CONFIRMED: ("kept out", ""),
}


@login_required
@require_safe
def rejection_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person), pk=pk)
    ingest = _ingest_of(request, dataset)
    refused = Rejection.objects.filter(ingest__dataset=dataset).select_related("decided_by")
    if ingest is not None:
        refused = refused.filter(ingest=ingest)
    reasons = reasons_of(refused)
    code = request.GET.get("code", "")
    code = code if code in reasons else ""
    quarantine = refused.filter(code=_QUARANTINE).kept()
    rows = refused.filter(code=code) if code else refused.exclude(pk__in=quarantine.values("pk"))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    waiting = undecided(dataset, ingest=ingest, code=code).count()
    keep_ingest = f"ingest={ingest.pk}" if ingest else ""
    context = {
        "dataset": dataset,
        "page": page,
        "query": "".join(f"&{part}" for part in (f"code={code}" if code else "", keep_ingest) if part),
        "code": code,
        "keep_ingest": keep_ingest,
        "advice": ADVICE.get(code, ""),
        "reasons": [{"code": name, "title": title_of(name), "count": n} for name, n in reasons.items()],
        "total": sum(reasons.values()),
        "upload_count": 1 if ingest else dataset.ingests.count(),
        "quarantine": _shown(quarantine[:_QUARANTINE_SHOWN]) if not code else [],
        "quarantine_count": quarantine.count(),
        "undecided": waiting,
        "confirm_body": json.dumps(_confirming(waiting, ingest, code)),
        "flagged": _flagged(dataset),
        "blocked": _blocked(dataset),
        "is_owner": access.is_owner(person, dataset),
        "may_view_real": access.may_view_real(person, dataset),
    }
    _shown(page.object_list)
    return render(request, "generation/rejection_list.html", context)


def _ingest_of(request: HttpRequest, dataset: Dataset) -> Ingest | None:
    try:
        return dataset.ingests.filter(pk=UUID(request.GET.get("ingest", ""))).first()
    except ValueError:
        return None


def _confirming(expected: int, ingest: Ingest | None, code: str) -> dict[str, Any]:
    return {
        "expected": expected,
        **({"ingest": str(ingest.pk)} if ingest else {}),
        **({"code": code} if code else {}),
    }


def _shown(rows: Iterable[Rejection]) -> list[Any]:
    """The rows with the words that the page puts to them."""
    shown: list[Any] = list(rows)
    for row in shown:
        row.title = title_of(row.code)
        row.why_not = _WHY_NOT.get(row.code, "")
        if row.decision:
            row.decision_words, row.decision_tone = _DECIDED[row.decision]
    return shown


def _flagged(dataset: Dataset) -> list[dict[str, Any]]:
    rows = dataset.images.present().exclude(flags=[]).values_list("flags", flat=True)
    counts = Counter(flag for flags in rows for flag in flags)
    return [
        {"code": flag, "title": title, "count": counts[flag]} for flag, title in FLAGS.items() if counts[flag]
    ]


def _blocked(dataset: Dataset) -> str:
    """Why nothing can be taken in now; empty when it can."""
    if growth.is_in_use(dataset):
        return (
            "A generator was begun on this data set, so nothing can be taken in any more. Keep the pictures out, which "
            "deletes them, or upload them to a new data set."
        )
    if growth.is_being_read(dataset):
        return "An upload is being read. Pictures can be taken in when it has ended."
    return ""
