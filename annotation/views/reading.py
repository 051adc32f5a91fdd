"""The reading page: it starts from one block of data and does everything else over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation.models import LabelClass, LabelSchema, Study, StudyRole
from annotation.services.access import roles_in
from annotation.services.queue import LEASE
from annotation.services.shortcuts import shortcuts_of
from synthlab.accounts.models import User
from synthlab.core.people import person_of

RENEW_EVERY_SECONDS = 60
_DIGITS = "123456789"


@login_required
@require_safe
def workbench(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = person_of(request)
    study = get_object_or_404(Study.objects.visible_to(user).select_related("schema"), pk=pk)
    if not roles_in(user, study) & {StudyRole.READER, StudyRole.REVIEWER}:
        raise Http404
    context = {"study": study, "workbench": workbench_data(study, user)}
    return render(request, "annotation/workbench.html", context)


def workbench_data(study: Study, user: User) -> dict[str, Any]:
    """What the page starts from."""
    return {
        "study": {
            "id": str(study.pk),
            "title": study.title,
            "guideline": study.guideline,
            "pixel_size_um": study.pixel_size_um,
        },
        "user": {"id": str(user.pk), "username": user.username},
        "schema": _schema(study.schema),
        "urls": {
            "claim": reverse("study-claim", args=[study.pk]),
            "reads": reverse("read-detail", args=[study.pk]).rsplit("/", 1)[0],
            "me": reverse("me"),
            "login": reverse("account_login"),
            "home": reverse("home"),
            "exemplars": reverse("study-exemplars", args=[study.pk]),
            "shortcuts": reverse("my-shortcuts"),
        },
        "keys": shortcuts_of(user),
        "lease": {"renew_every_seconds": RENEW_EVERY_SECONDS, "seconds": round(LEASE.total_seconds())},
    }


def _schema(schema: LabelSchema) -> dict[str, Any]:
    return {
        "mode": schema.mode,
        "classes": [_class(row, i) for i, row in enumerate(schema.classes.all())],
        "sites": schema.sites,
        "discard_reasons": [
            {**reason, "key_hint": _hint(i)} for i, reason in enumerate(schema.discard_reasons)
        ],
    }


def _class(row: LabelClass, index: int) -> dict[str, Any]:
    return {
        "key": row.key,
        "title": row.title,
        "colour": row.colour,
        "key_hint": _hint(index),
        "kind": row.kind,
        "region_kinds": {"box": row.box, "polygon": row.polygon, "point": row.point, "mask": row.mask},
    }


def _hint(index: int) -> str:
    """The key that chooses the n-th entry: one digit up to nine, two after that."""
    return _DIGITS[index] if index < 9 else f"{index + 1}"
