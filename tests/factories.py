"""People for tests. Each app's own factories stand in `tests/<app>/factories.py`."""

from __future__ import annotations

import itertools
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from synthlab.accounts.models import ApiToken, Role, User
from synthlab.accounts.services.tokens import create_token

PASSWORD = "correct horse battery"

_numbers = itertools.count(1)


def make_user(*, role: str = Role.CLINICIAN, username: str | None = None, **fields: Any) -> User:
    """A person who can log in with PASSWORD."""
    user: User = User.objects.create_user(
        username=username or f"{role}-{next(_numbers)}",
        password=fields.pop("password", PASSWORD),
        role=role,
        **fields,
    )
    return user


def make_admin(**fields: Any) -> User:
    return make_user(role=Role.ADMIN, **fields)


def make_scientist(**fields: Any) -> User:
    return make_user(role=Role.SCIENTIST, **fields)


def make_clinician(**fields: Any) -> User:
    return make_user(role=Role.CLINICIAN, **fields)


def make_inactive(**fields: Any) -> User:
    return make_user(is_active=False, deactivated_at=timezone.now(), **fields)


def make_token(user: User, **options: Any) -> tuple[ApiToken, str]:
    """A token row and its secret."""
    issued = create_token(actor=user, name=options.pop("name", "test"), **options)
    return issued.token, issued.secret


def client_of(user: User | None = None) -> APIClient:
    """An API client with a session of this person, without CSRF checks; anonymous without one."""
    client = APIClient()
    if user is not None:
        client.force_login(user)
    return client


def token_client(user: User, **options: Any) -> APIClient:
    """An API client that sends a bearer token of this person."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_token(user, **options)[1]}")
    return client
