"""Who calls the API: a bearer token, or the session of one of our pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication, exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from synthlab.accounts.models import ApiToken, TokenScope, User
from synthlab.accounts.services.tokens import find_token
from synthlab.core.exceptions import NotAllowed

SCHEME = "Bearer"
ACTING_USER = "X-Acting-User"  # our pages say for whom they were made


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer slt_…`.

    It comes first in the settings: its challenge makes the answer to anonymous callers a 401.
    The scope is checked here, so that no endpoint can forget it.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        token = find_token(secret.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(
                "This token is unknown, revoked or expired. Make a new one on your profile page.",
                code="token_invalid",
            )
        if token.scope != TokenScope.WRITE and request.method not in SAFE_METHODS:
            raise NotAllowed("token_scope", "This token may only read.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="SynthLab"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of a page, with the CSRF token on everything that changes something.

    Wards share computers: a page that one person left open sends with the cookie of whoever logged in beside it since.
    So each page says whose it is, and what it sends for another one than is logged in now is refused as a lost login.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", AnonymousUser())
        if not user.is_authenticated or not user.is_active:
            return None
        if request.headers.get(ACTING_USER, str(user.pk)) != str(user.pk):
            raise exceptions.AuthenticationFailed(
                "Somebody else has logged in in this browser. Nothing was changed; log in again.",
                code="other_person",
            )
        self.enforce_csrf(request)
        return user, None

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise NotAllowed(
                "csrf_failed",
                "The page is too old or the request did not come from it. Reload the page and repeat.",
            ) from error
