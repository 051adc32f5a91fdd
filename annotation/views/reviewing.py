"""The review page: finished readings one after the other, accepted or returned by a key; or many at once, by filters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation.models import (
    Annotation,
    AnswerDecision,
    Item,
    ItemState,
    Read,
    ReadKind,
    ReadState,
    ReviewReason,
    Study,
    StudyRole,
)
from annotation.services.access import roles_in
from annotation.services.answers import describe_region
from annotation.services.choosing import WAYS
from annotation.services.images import image_of
from annotation.services.releases import pseudonym
from annotation.services.waiting import readers_by_pseudonym, select_waiting, waiting_answers
from synthlab.core.people import person_of

AT_ONCE = 20
_ANY = ("", "any")


class WaitingForm(forms.Form):
    """Which of the waiting answers to look at; an empty field lets all through."""

    decision = forms.ChoiceField(required=False, choices=[_ANY, *AnswerDecision.choices], label="Answer")
    reader = forms.ChoiceField(required=False, label="Reader")
    agreement = forms.ChoiceField(required=False, choices=[_ANY, *WAYS.items()], label="Given by")
    because = forms.ChoiceField(
        required=False, choices=[_ANY, *ReviewReason.choices], label="It waits because"
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classes = [(row.key, row.title) for row in study.schema.classes.all()]
        reasons = [(row["key"], row["title"]) for row in study.schema.discard_reasons]
        self.fields["class"] = forms.ChoiceField(required=False, choices=[_ANY, *classes], label="Finding")
        self.fields["reason"] = forms.ChoiceField(
            required=False, choices=[_ANY, *reasons], label="Discarded for"
        )
        readers = [(name, name) for name in sorted(readers_by_pseudonym(study))]
        self.fields["reader"] = forms.ChoiceField(required=False, choices=[_ANY, *readers], label="Reader")
        self.order_fields(["decision", "class", "reason", "reader", "agreement", "because"])

    def chosen(self) -> dict[str, str]:
        """The filters that are set. A value that is not offered counts for none: the page then shows it as not chosen."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


@login_required
@require_safe
def review(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = person_of(request)
    study = get_object_or_404(Study.objects.visible_to(user).select_related("schema"), pk=pk)
    if StudyRole.REVIEWER not in roles_in(user, study):
        raise Http404
    form = WaitingForm(request.GET or None, study=study)
    filters = form.chosen() if form.is_bound else {}
    together = select_waiting(user, study, filters)
    everything = waiting_answers(user, study).count() if filters else together.waiting
    context = {
        "study": study,
        "form": form,
        "filters": filters,
        "together": together,
        "together_body": json.dumps(
            {"filters": filters, "count": together.count, "selection": together.selection}
        ),
        "everything": everything,
        "own": study.items.filter(state=ItemState.REVIEW).count() - everything,
        "review_data": _review_data(study, _items(together.items[:AT_ONCE])),
    }
    return render(request, "annotation/review.html", context)


def _items(keys: Sequence[UUID]) -> list[Item]:
    """In the order of their keys."""
    rows = Item.objects.select_related("synthetic_image", "source_image", "study")
    found = rows.prefetch_related("reads__annotations__regions__label_class").in_bulk(keys)
    return [found[key] for key in keys]


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
        # What settled a dispute comes first: it is what a key press accepts or returns.
        for read in sorted(submitted, key=lambda read: (read.kind != ReadKind.ADJUDICATION, read.ordinal))
        if read.kind != ReadKind.REPEAT
        for annotation in read.annotations.all()
        if annotation.is_final
    ]
    return {
        "id": str(item.pk),
        "because": item.get_review_reason_display(),
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
