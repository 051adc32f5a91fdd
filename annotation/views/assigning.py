"""The page on which managers give reads to named readers, move them, and take them back."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotation.models import Read, ReadState, Study, StudyRole
from annotation.services.assigning import MAX_AT_ONCE
from annotation.services.progress import reader_rows
from annotation.services.queue import READER_KINDS
from synthlab.core.people import person_of

POOL = {"value": "", "label": "the open pool"}


@login_required
@require_safe
def assignments(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = get_object_or_404(Study.objects.with_role(person_of(request), StudyRole.MANAGER), pk=pk)
    readers = reader_rows(study)
    pool = Read.objects.filter(
        study=study, state=ReadState.OPEN, reader__isnull=True, kind__in=READER_KINDS
    ).count()
    context = {
        "study": study,
        "readers": readers,
        "pool": pool,
        "waiting": sum(row["assigned"] for row in readers),
        "places": [POOL, *({"value": row["user"], "label": row["name"]} for row in readers)],
        "most": MAX_AT_ONCE,
    }
    return render(request, "annotation/assignments.html", context)
