"""Every API error is a problem document (RFC 9457) with a stable `code` and the id that finds the log line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from synthlab.core.exceptions import DomainError, NotFound, TooMany, Unavailable
from synthlab.core.outages import database_outage
from synthlab.core.reference import current_reference

PROBLEM_TYPE = "application/problem+json"
API_PREFIX = "/api/"

logger = structlog.get_logger(__name__)


class InvalidQuery(exceptions.APIException):
    """A query parameter is unknown or its value is unusable."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid_query"
    default_detail = "The query is not valid."


def problem_body(*, status_code: int, code: str, title: str, detail: str, **extra: Any) -> dict[str, Any]:
    """The members of one problem document.

    Args:
        status_code: The HTTP status.
        code: Stable machine-readable slug.
        title: What kind of problem it is; the same for every occurrence.
        detail: What happened here and what to do.
        extra: Further members, JSON-serialisable.
    """
    return {
        **extra,
        "type": f"/docs/reference/errors#{code}",
        "title": title,
        "status": status_code,
        "code": code,
        "detail": detail,
        "request_id": current_reference(),
    }


def problem_response(
    *, status_code: int, code: str, detail: str, title: str | None = None, **extra: Any
) -> HttpResponse:
    """A problem document from outside REST framework: middleware and Django's own error handlers."""
    body = problem_body(
        status_code=status_code,
        code=code,
        title=title or HTTPStatus(status_code).phrase,
        detail=detail,
        **extra,
    )
    return JsonResponse(body, status=status_code, content_type=PROBLEM_TYPE)


def is_api(request: HttpRequest) -> bool:
    """Whether a request asks the API, so that its errors must be problem documents."""
    return request.path.startswith(API_PREFIX)


def handle_exception(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's exception handler.

    Returns:
        A problem document, or None for what nobody expected: Django then logs it with its traceback
        and answers with the 500 handler, which tells the request id and nothing else.
    """
    headers: dict[str, str] = {}
    if isinstance(exc, Http404):
        exc = NotFound("not_found", "There is no such thing here, or it is not yours to see.")
    elif isinstance(exc, DjangoPermissionDenied):
        exc = exceptions.PermissionDenied()
    elif outage := database_outage(exc):
        logger.warning("database_outage", code=outage.code, exc_info=exc)
        exc = outage

    if isinstance(exc, DomainError):
        body = problem_body(
            status_code=exc.status, code=exc.code, title=exc.title, detail=exc.detail, **exc.extra
        )
        if isinstance(exc, Unavailable | TooMany):
            headers["Retry-After"] = str(exc.retry_after)
    elif isinstance(exc, exceptions.ValidationError):
        body = _validation_body(exc)
    elif isinstance(exc, exceptions.APIException):
        body = _framework_body(exc)
        headers |= _framework_headers(exc)
    else:
        return None
    set_rollback()
    logger.info("request_refused", code=body["code"], status=body["status"])
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM_TYPE)


def _validation_body(exc: exceptions.ValidationError) -> dict[str, Any]:
    errors = list(_flatten(exc.get_full_details(), ""))
    return problem_body(
        status_code=status.HTTP_422_UNPROCESSABLE_ENTITY,
        code="invalid_input",
        title="Invalid input",
        detail=_summary(errors),
        errors=errors,
    )


def _summary(errors: list[dict[str, str]]) -> str:
    first = errors[0] if errors else {"field": "", "detail": "The input is not valid."}
    words = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
    return words if len(errors) < 2 else f"{words} (and {len(errors) - 1} more)"


def _flatten(detail: Any, path: str) -> Iterator[dict[str, str]]:
    """Field errors as a flat list, with paths such as `regions.0.label`."""
    if isinstance(detail, Mapping) and {"message", "code"} == set(detail):
        yield {"field": path, "code": str(detail["code"]), "detail": str(detail["message"])}
    elif isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _flatten(inner, path if name == "non_field_errors" else _join(path, name))
    elif isinstance(detail, list):
        # A list of messages belongs to the field itself; a list of mappings is one entry per element.
        messages = all(isinstance(entry, Mapping) and {"message", "code"} == set(entry) for entry in detail)
        for index, entry in enumerate(detail):
            yield from _flatten(entry, path if messages else _join(path, index))


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _framework_body(exc: exceptions.APIException) -> dict[str, Any]:
    code = exc.get_codes()
    extra: dict[str, Any] = {}
    if wait := _wait(exc):
        extra["retry_after"] = wait
    return problem_body(
        status_code=exc.status_code,
        code=code if isinstance(code, str) else exc.default_code,
        title=HTTPStatus(exc.status_code).phrase,
        detail=str(exc.detail),
        **extra,
    )


def _framework_headers(exc: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := _wait(exc):
        headers["Retry-After"] = str(wait)
    return headers


def _wait(exc: exceptions.APIException) -> int:
    """Whole seconds until a throttled caller may come again; 0 for other refusals."""
    wait = getattr(exc, "wait", None) if isinstance(exc, exceptions.Throttled) else None
    return int(wait) + 1 if wait else 0
