"""Pages of the floor: home, jobs, audit, documentation, health; and what errors look like."""

from __future__ import annotations

import sys
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from synthlab.core.api.errors import is_api, problem_response
from synthlab.core.docs import list_pages, read_page
from synthlab.core.health import readiness
from synthlab.core.models import AuditEvent, Job, JobState
from synthlab.core.navigation import home_cards
from synthlab.core.outages import database_outage
from synthlab.core.paging import page_of
from synthlab.core.people import person_of
from synthlab.core.reference import current_reference


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """What to do next, by role."""
    return render(request, "core/home.html", {"cards": home_cards(person_of(request))})


@require_safe
@login_required
def job_list(request: HttpRequest) -> HttpResponse:
    """Long work that the person asked for; an admin sees all."""
    jobs = Job.objects.visible_to(person_of(request)).select_related("requested_by")
    state = request.GET.get("state", "")
    if state in JobState.values:
        jobs = jobs.filter(state=state)
    page = page_of(request, jobs)
    context = {
        "jobs": [job_facts(job) for job in page.rows],
        "page": page,
        "states": JobState.values,
        "state": state,
    }
    return render(request, "core/jobs.html", context)


@require_safe
@login_required
def job_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One job with its log and its parts."""
    visible = Job.objects.visible_to(person_of(request))
    job = get_object_or_404(visible, pk=pk)
    parts = [job_facts(part) for part in visible.filter(parent=job).order_by("created_at")[:200]]
    return render(request, "core/job.html", {"job": job_facts(job), "row": job, "parts": parts})


def job_facts(job: Job) -> dict[str, Any]:
    """What the progress component needs of a job."""
    return {
        "id": job.pk,
        "kind": job.kind.replace("_", " "),
        "state": job.state,
        "phase": job.phase,
        "progress_done": job.progress_done,
        "progress_total": job.progress_total,
        "error_detail": job.error,
        "log_tail": job.log_tail,
        "facts": list(job.facts.items()),
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "requested_by": job.requested_by,
        "api_url": reverse("job-detail", args=[job.pk]),
        "cancel_url": reverse("job-cancel", args=[job.pk]),
        "requeue_url": reverse("job-requeue", args=[job.pk]),
        "can_requeue": job.state in {JobState.FAILED, JobState.DEAD},
        "page_url": reverse("job", args=[job.pk]),
    }


@require_safe
@login_required
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what to what, newest first."""
    user = person_of(request)
    events = AuditEvent.objects.visible_to(user).select_related("actor").order_by("-pk")
    if not user.is_admin and not events.exists():
        raise Http404
    for parameter, field in (("chain", "chain_id"), ("action", "action")):
        if value := request.GET.get(parameter, "").strip():
            events = events.filter(**{field: value.replace("\x00", "")})
    page = page_of(request, events)
    for event in page.rows:
        # Pairs, because a template would take `facts.items` for the fact of that name.
        event.said = [*event.facts.items(), *event.personal.items()]
    context = {"page": page, "chain": request.GET.get("chain", ""), "action": request.GET.get("action", "")}
    return render(request, "core/audit.html", context)


@require_safe
def docs(request: HttpRequest, path: str = "") -> HttpResponse:
    """A page of the documentation that came with this version; open to everybody, as the help with logging in must be."""
    page = read_page(path)
    if page is None:
        raise Http404
    return render(request, "core/docs.html", {"page": page, "pages": list_pages()})


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The installation can do its work, part by part; 503 when one cannot."""
    parts = readiness()
    ready = all(state == "ok" for state in parts.values())
    response = JsonResponse({"ready": ready, "checks": parts}, status=200 if ready else 503)
    response.headers["Cache-Control"] = "no-store"
    return response


# --- errors ---------------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: Django refused the request itself."""
    return _error(request, 400, "bad_request", "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _error(request, 403, "permission_denied", "Your role does not allow this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that was not sent from one of our own pages."""
    detail = "This form is too old or was not sent from here. Nothing was changed. Go back, reload the page and send it again."
    return _error(request, 403, "csrf_failed", detail)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: also for what exists but is not the person's to see."""
    return _error(request, 404, "not_found", "There is no such thing here, or it is not yours to see.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500: nothing of what happened but the reference that finds it in the log; 503 where the database failed."""
    if outage := database_outage(sys.exception()):
        response = _error(request, outage.status, outage.code, outage.detail)
        response.headers["Retry-After"] = str(outage.retry_after)
        return response
    detail = (
        "The server failed on this request. Nothing was half done. If it stays so, pass on the reference."
    )
    return _error(request, 500, "server_error", detail)


def _error(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if is_api(request):
        return problem_response(status_code=status, code=code, detail=detail)
    template = {403: "403.html", 500: "500.html", 503: "500.html"}.get(status, "404.html")
    context = {"detail": detail, "request_id": current_reference(), "status": status}
    if status >= 500:
        # The database or the session may be what failed: no request context, so no query.
        return HttpResponse(render_plain(template, context), status=status)
    return render(request, template, context, status=status)


def render_plain(template: str, context: dict[str, Any]) -> str:
    """A page without the request's context processors."""
    from django.template.loader import render_to_string

    return render_to_string(template, context)
