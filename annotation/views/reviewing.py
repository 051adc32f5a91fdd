"""The review page: finished readings one after the other, accepted or returned by a key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation.models import Annotation, Item, ItemState, Read, ReadState, Study, StudyRole
from annotation.services.access import roles_in
from annotation.services.answers import describe_region
from annotation.services.images import image_of
from annotation.services.releases import pseudonym
from synthlab.accounts.models import User
from synthlab.core.people import person_of

AT_ONCE = 20


@login_required
@require_safe
def review(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = person_of(request)
    study = get_object_or_404(Study.objects.visible_to(user).select_related("schema"), pk=pk)
    if StudyRole.REVIEWER not in roles_in(user, study):
        raise Http404
    waiting = _waiting(study, user)
    items = list(waiting[:AT_ONCE])
    context = {
        "study": study,
        "count": waiting.count(),
        "own": study.items.filter(state=ItemState.REVIEW).count() - waiting.count(),
        "review_data": _review_data(study, items),
    }
    return render(request, "annotation/review.html", context)


def _waiting(study: Study, user: User) -> QuerySet[Item]:
    """Items in review that this person has not read, oldest first."""
    own = Read.objects.filter(item=OuterRef("pk"), reader=user, submitted_at__isnull=False)
    rows = study.items.filter(~Exists(own), state=ItemState.REVIEW).order_by("created_at", "id")
    rows = rows.select_related("synthetic_image", "source_image", "study")
    return rows.prefetch_related("reads__annotations__regions__label_class")


def _review_data(study: Study, items: list[Item]) -> dict[str, Any]:
    classes = {row.key: row for row in study.schema.classes.all()}
    reasons = {row["key"]: row["title"] for row in study.schema.discard_reasons}
    sites = {row["key"]: row["title"] for row in study.schema.sites}
    return {
        "reviews_url": reverse("review-list"),
        "items": [_describe(study, item, reasons, sites) for item in items],
        "classes": {key: {"title": row.title, "colour": row.colour} for key, row in classes.items()},
    }


def _describe(study: Study, item: Item, reasons: dict[str, str], sites: dict[str, str]) -> dict[str, Any]:
    image = image_of(item)
    submitted = [read for read in item.reads.all() if read.state == ReadState.SUBMITTED]
    answers = [
        (read, annotation)
        for read in sorted(submitted, key=lambda read: read.ordinal)
        for annotation in read.annotations.all()
        if annotation.is_final
    ]
    return {
        "id": str(item.pk),
        "width": image.width,
        "height": image.height,
        "pixels_url": reverse("read-pixels", args=[answers[0][0].pk]) if answers else "",
        "answers": [_answer(study, read, annotation, reasons, sites) for read, annotation in answers],
    }


def _answer(
    study: Study, read: Read, annotation: Annotation, reasons: dict[str, str], sites: dict[str, str]
) -> dict[str, Any]:
    return {
        "annotation": str(annotation.pk),
        "reader": pseudonym(study, read.reader_id),
        "decision": annotation.decision,
        "classes": annotation.classes,
        "discard_reason": reasons.get(annotation.discard_reason, annotation.discard_reason),
        "site": sites.get(annotation.site, annotation.site),
        "confidence": annotation.confidence,
        "comment": annotation.comment,
        "is_flagged": read.is_flagged,
        "seconds": round(read.active_seconds),
        "regions": [describe_region(region) for region in annotation.regions.all()],
    }
