"""The people of demo and smoke: random passwords, no mail addresses, nobody who exists."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import transaction

from synthlab.accounts.models import Role, User
from synthlab.accounts.services.links import accept_invitation
from synthlab.accounts.services.people import create_first_admin, invite_user
from synthlab.accounts.services.tokens import create_token

CAST = (
    ("scientist", Role.SCIENTIST, "Demo data scientist"),
    ("reader", Role.CLINICIAN, "Demo reader"),
    ("reviewer", Role.CLINICIAN, "Demo reviewer"),
)


@dataclass(frozen=True)
class Person:
    """Somebody who can log in; `token` is for REST."""

    id: str
    username: str
    password: str
    token: str


@transaction.atomic
def make_cast() -> dict[str, Person]:
    """An admin, a data scientist, a reader and a reviewer, each through their one-time link."""
    link = create_first_admin(username="admin", display_name="Demo admin")
    cast = {"admin": _enter(link.token)}
    admin = User.objects.get(username="admin")
    for username, role, name in CAST:
        link = invite_user(actor=admin, username=username, role=role, display_name=name)
        cast[username] = _enter(link.token)
    return cast


def _enter(link_token: str) -> Person:
    password = secrets.token_urlsafe(15)
    user = accept_invitation(token=link_token, password=password)
    issued = create_token(actor=user, name="demo", days=30)
    return Person(str(user.pk), user.username, password, issued.secret)
