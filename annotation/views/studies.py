"""Pages of studies and schemas. Studies change through the REST API; a schema is written in a form of lines."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from annotation.models import (
    Annotation,
    ApprovalPolicy,
    ItemState,
    LabelSchema,
    Membership,
    Study,
    StudyRole,
    StudyState,
)
from annotation.services.access import roles_in
from annotation.services.controls import control_facts
from annotation.services.exemplars import exemplar_candidates
from annotation.services.filling import images_taken, released_batches
from annotation.services.measuring import evaluations_of
from annotation.services.progress import discard_reasons, reader_progress, study_agreement, study_progress
from annotation.services.schemas import create_label_schema
from annotation.views.forms import SchemaForm
from generation.models import Dataset
from generation.services.access import may_use
from synthlab.accounts.models import User
from synthlab.core.exceptions import DomainError
from synthlab.core.people import person_of

POLICIES = [
    {"value": ApprovalPolicy.EVERY, "label": "Every answer is reviewed"},
    {"value": ApprovalPolicy.SAMPLE, "label": "A share of the answers is reviewed"},
    {"value": ApprovalPolicy.AS_READ, "label": "Answers count as read; only flagged ones are reviewed"},
]

EXEMPLARS_OFFERED = 24
EVALUATIONS_SHOWN = 5

SIGNATURES = [{"value": "1", "label": "One manager signs"}, {"value": "2", "label": "Two managers sign"}]


@login_required
@require_safe
def study_list(request: HttpRequest) -> HttpResponse:
    user = person_of(request)
    rows = Study.objects.visible_to(user).annotate(
        image_count=Count("items", distinct=True),
        decided_count=Count(
            "items", distinct=True, filter=Q(items__state__in=(ItemState.ACCEPTED, ItemState.DISCARDED))
        ),
    )
    studies = [_line(study, user) for study in rows.select_related("schema").prefetch_related("memberships")]
    return render(request, "annotation/study_list.html", {"studies": studies, "may_make": _may_make(user)})


@login_required
@require_safe
def study_new(request: HttpRequest) -> HttpResponse:
    user = person_of(request)
    datasets = [row for row in Dataset.objects.visible_to(user) if may_use(user, row)]
    context = {
        "may_make": _may_make(user),
        "schemas": [
            {"value": str(row.pk), "label": str(row)} for row in LabelSchema.objects.visible_to(user)
        ],
        "datasets": [{"value": str(row.pk), "label": row.name} for row in datasets],
        "policies": POLICIES,
        "signatures": SIGNATURES,
    }
    return render(request, "annotation/study_new.html", context)


@login_required
@require_safe
def study_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = person_of(request)
    study = get_object_or_404(Study.objects.visible_to(user).select_related("schema", "dataset"), pk=pk)
    roles = roles_in(user, study)
    context: dict[str, Any] = {
        "study": study,
        "roles": roles,
        "mine": reader_progress(user, study) if StudyRole.READER in roles else None,
        "to_review": study.items.filter(state=ItemState.REVIEW).count() if StudyRole.REVIEWER in roles else 0,
        "disputed": study.items.filter(state=ItemState.DISPUTED).count()
        if StudyRole.REVIEWER in roles
        else 0,
        "is_open": study.state == StudyState.OPEN,
        "classes": study.schema.classes.all(),
    }
    if StudyRole.MANAGER in roles:
        context |= _managing(study, user)
    return render(request, "annotation/study_detail.html", context)


@login_required
@require_safe
def exemplar_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = person_of(request)
    study = get_object_or_404(
        Study.objects.with_role(user, StudyRole.MANAGER).select_related("schema"), pk=pk
    )
    context = {
        "study": study,
        "exemplars": study.exemplars.shown(),
        "candidates": exemplar_candidates(study, user)[:EXEMPLARS_OFFERED],
        "classes": [{"value": row.key, "label": row.title} for row in study.schema.classes.all()],
    }
    return render(request, "annotation/exemplar_list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def schema_list(request: HttpRequest) -> HttpResponse:
    user = person_of(request)
    form = SchemaForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            schema = create_label_schema(actor=user, **form.wishes())
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            messages.success(
                request,
                f"{schema} is made. It never changes; the same name again makes version {schema.version + 1}.",
            )
            return redirect("schema-pages")
    schemas = LabelSchema.objects.visible_to(user).prefetch_related("classes")
    context = {"schemas": schemas, "form": form, "may_make": _may_make(user)}
    return render(request, "annotation/schema_list.html", context, status=422 if form.errors else 200)


def _line(study: Study, user: User) -> dict[str, Any]:
    roles = {row.role for row in study.memberships.all() if row.user_id == user.pk}
    return {"study": study, "roles": sorted(roles), "is_reader": StudyRole.READER in roles}


def _managing(study: Study, user: User) -> dict[str, Any]:
    progress = study_progress(study)
    taken = images_taken(study)
    decided = progress["items"][ItemState.ACCEPTED] + progress["items"][ItemState.DISCARDED]
    return {
        "is_manager": True,
        "progress": progress,
        "decided": decided,
        "total": sum(progress["items"].values()),
        "states": [(ItemState(state).label, count) for state, count in progress["items"].items() if count],
        "reasons": _titled_reasons(study),
        "agreement": study_agreement(study) if study.reads_per_item > 1 else None,
        "controls": control_facts(study, user),
        "batches": [(batch, taken.get(batch.pk, 0)) for batch in released_batches(study, user)],
        "accepted": study.items.for_snapshot().count(),
        "evaluations": evaluations_of(study)[:EVALUATIONS_SHOWN],
        "members": study.memberships.select_related("user").order_by("role", "user__username"),
        "people": [
            {"value": str(person.pk), "label": str(person)} for person in User.objects.filter(is_active=True)
        ],
        "study_roles": [{"value": value, "label": label} for value, label in StudyRole.choices],
        "late": Annotation.objects.kept_late()
        .filter(read__study=study)
        .select_related("read", "author")[:50],
        "can_open": study.state != StudyState.OPEN and bool(progress["readers"]) and study.items.exists(),
        "reader_count": Membership.objects.filter(study=study, role=StudyRole.READER).count(),
    }


def _titled_reasons(study: Study) -> list[dict[str, Any]]:
    titles = {row["key"]: row["title"] for row in study.schema.discard_reasons}
    return [
        {"title": titles.get(key, key), "count": count}
        for key, count in discard_reasons(study.items.all()).items()
    ]


def _may_make(user: User) -> bool:
    return user.is_scientist or user.is_admin
