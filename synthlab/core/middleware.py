"""What happens around every request: its reference, the ceiling on its body, the age of its session, what is kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from synthlab.core.api.errors import is_api, problem_response
from synthlab.core.reference import current_reference

GetResponse = Callable[[HttpRequest], HttpResponse]

STARTED, LAST_SEEN = "session_started", "session_last_seen"
LAST_SEEN_STEP = 60  # seconds; a write for every request would cost more than the precision is worth

# What a page does by itself while nobody is there must not keep its session alive.
PASSIVE_ROUTES = frozenset({"job-detail", "read-renew", "livez", "readyz"})


class ReferenceMiddleware:
    """Puts the request id on every answer, so that a person can quote what finds the log line."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with `X-Request-ID`."""
        response = self.get_response(request)
        if reference := current_reference():
            response.headers.setdefault("X-Request-ID", reference)
        return response


class BodyLimitMiddleware:
    """Refuses a body by its announced length, before a byte of it is read.

    WSGI servers hand on no more than Content-Length says, so the announcement binds.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or 413."""
        limit = self._limit(request)
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length <= limit:
            return self.get_response(request)
        detail = f"This request has {length} bytes; at most {limit} are accepted here."
        if is_api(request):
            return problem_response(status_code=413, code="body_too_large", title="Too large", detail=detail)
        return HttpResponse(detail, status=413, content_type="text/plain; charset=utf-8")

    @staticmethod
    def _limit(request: HttpRequest) -> int:
        # Both are written to the disk as they come; whatever else reads a whole body has Django's own limit besides.
        streamed = request.content_type == "multipart/form-data" or (
            request.content_type == "application/octet-stream" and request.method == "PUT"
        )
        if streamed and is_api(request):
            return int(settings.MAX_UPLOAD_BYTES)
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)


class SessionAgeMiddleware:
    """Ends a session that was idle for too long, or that is too old however busy it was.

    Wards share computers: what an open page does by itself (`PASSIVE_ROUTES`) counts as idle.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, as nobody where the session has ended."""
        session = request.session
        # A session is read only where one exists, so that anonymous health checks touch no database.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            now = int(time.time())
            started = session.setdefault(STARTED, now)
            idle = now - session.get(LAST_SEEN, now)
            if idle > settings.SESSION_IDLE_SECONDS or now - started > settings.SESSION_COOKIE_AGE:
                logout(request)
        response = self.get_response(request)
        self._note_activity(request)
        return response

    @staticmethod
    def _note_activity(request: HttpRequest) -> None:
        match = request.resolver_match
        passive = match is not None and match.view_name in PASSIVE_ROUTES
        if (
            passive
            or settings.SESSION_COOKIE_NAME not in request.COOKIES
            or not request.user.is_authenticated
        ):
            return
        now = int(time.time())
        if now - request.session.get(LAST_SEEN, 0) >= LAST_SEEN_STEP:
            request.session[LAST_SEEN] = now


class NoStoreMiddleware:
    """Keeps what a person sees out of browsers' and proxies' stores, unless the answer says otherwise.

    Wards share computers: after a logout the back button must not show the last person's work.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; to anybody who says who they are with a `Cache-Control` of its own."""
        response = self.get_response(request)
        if settings.SESSION_COOKIE_NAME in request.COOKIES or "Authorization" in request.headers:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response
