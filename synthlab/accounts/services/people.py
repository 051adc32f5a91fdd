"""Who is in: invited, given a role, deactivated with their history kept."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from synthlab.accounts.models import ApiToken, LinkPurpose, OneTimeLink, Role, User
from synthlab.accounts.services.guards import require_admin, require_another_admin
from synthlab.accounts.services.links import IssuedLink, accept_invitation, issue_link
from synthlab.core.audit import record_event
from synthlab.core.exceptions import Conflict, InvalidInput

__all__ = [
    "accept_invitation",
    "change_profile",
    "change_role",
    "create_first_admin",
    "deactivate_user",
    "invite_user",
    "reactivate_user",
    "reset_password_link",
]


def invite_user(*, actor: User, username: str, role: str, display_name: str = "") -> IssuedLink:
    """Add a person, who sets the password by a one-time link.

    Raises:
        NotAllowed: The actor is no admin.
        InvalidInput: The name or the role is not acceptable.
        Conflict: Somebody has this name.
    """
    with transaction.atomic():
        require_admin(actor)
        user = _make_user(username=username, role=role, display_name=display_name)
        link = issue_link(actor=actor, user=user, purpose=LinkPurpose.INVITE)
        record_event(
            chain="site",
            actor=actor,
            action="user.invited",
            target=user,
            facts={"role": role},
            personal={"username": user.username, "display_name": user.display_name},
        )
    return link


def create_first_admin(*, username: str, display_name: str = "") -> IssuedLink:
    """Make the first admin, or a new link for one who never used the last one.

    Raises:
        Conflict: There is an admin who can log in; that one invites further people.
        InvalidInput: The name is not acceptable.
    """
    with transaction.atomic():
        rows = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk")
        admins = list(rows.select_for_update(no_key=True))
        if any(admin.has_usable_password() for admin in admins):
            raise Conflict(
                "admin_exists", "There is an admin already; they invite further people on the People page."
            )
        user = next((admin for admin in admins if admin.username.lower() == username.strip().lower()), None)
        if user is None:
            user = _make_user(username=username, role=Role.ADMIN, display_name=display_name)
        link = issue_link(actor=None, user=user, purpose=LinkPurpose.INVITE)
        record_event(
            chain="site",
            actor=None,
            action="user.first_admin",
            target=user,
            facts={"role": str(Role.ADMIN)},
            personal={"username": user.username},
        )
    return link


def _check_role(role: str) -> None:
    if role not in Role.values:
        raise InvalidInput("role_unknown", f"A role is one of {', '.join(Role.values)}.")


def _make_user(*, username: str, role: str, display_name: str) -> User:
    _check_role(role)
    user = User(
        username=User.normalize_username(username.strip()), role=role, display_name=display_name.strip()
    )
    user.set_unusable_password()
    try:
        user.clean_fields()
    except ValidationError as error:
        errors = [
            {"field": field, "code": "invalid", "detail": " ".join(words)}
            for field, words in error.message_dict.items()
        ]
        raise InvalidInput("person_invalid", errors[0]["detail"], errors=errors) from error
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            "username_taken", "Somebody has this user name already; names may not differ by case only."
        ) from error
    return user


def deactivate_user(*, actor: User, user: User) -> User:
    """Shut a person out: sessions, tokens and links end at once; their work stays theirs.

    Raises:
        NotAllowed: The actor is no admin.
        Conflict: The person is deactivated already, or is the last admin.
    """
    with transaction.atomic():
        admins = require_admin(actor)
        if user in admins:
            require_another_admin(user, admins)
        changed = User.objects.filter(pk=user.pk, is_active=True).update(
            is_active=False, deactivated_at=timezone.now(), session_epoch=F("session_epoch") + 1
        )
        if changed != 1:
            raise Conflict("already_deactivated", "This person is deactivated already.")
        tokens = ApiToken.objects.filter(user=user, revoked_at__isnull=True).update(revoked_at=Now())
        OneTimeLink.objects.filter(user=user, used_at__isnull=True).update(used_at=Now())
        # A later return starts with a new password: nothing from before opens the door again.
        user.refresh_from_db()
        user.set_unusable_password()
        user.save(update_fields=["password"])
        record_event(
            chain="site",
            actor=actor,
            action="user.deactivated",
            target=user,
            facts={"tokens_revoked": tokens},
        )
    return user


def reactivate_user(*, actor: User, user: User) -> IssuedLink:
    """Let a deactivated person in again, by a new link.

    Raises:
        NotAllowed: The actor is no admin.
        Conflict: The person is active.
    """
    with transaction.atomic():
        require_admin(actor)
        changed = User.objects.filter(pk=user.pk, is_active=False).update(is_active=True, deactivated_at=None)
        if changed != 1:
            raise Conflict("already_active", "This person is active already.")
        user.refresh_from_db()
        link = issue_link(actor=actor, user=user, purpose=LinkPurpose.INVITE)
        record_event(chain="site", actor=actor, action="user.reactivated", target=user)
    return link


def reset_password_link(*, actor: User, user: User) -> IssuedLink:
    """A one-time link with which a person sets a new password. The old one works until then.

    Raises:
        NotAllowed: The actor is no admin.
        Conflict: The person is deactivated.
    """
    with transaction.atomic():
        require_admin(actor)
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not locked.is_active:
            raise Conflict("user_deactivated", "This person is deactivated; let them in again first.")
        link = issue_link(actor=actor, user=locked, purpose=LinkPurpose.RESET)
        record_event(chain="site", actor=actor, action="user.reset_link", target=locked)
    return link


def change_role(*, actor: User, user: User, role: str) -> User:
    """Give a person another role. Their sessions end, so that no page shows what is no longer theirs.

    Raises:
        NotAllowed: The actor is no admin.
        InvalidInput: There is no such role.
        Conflict: It would leave no admin, or the role changed meanwhile.
    """
    before = user.role
    with transaction.atomic():
        admins = require_admin(actor)
        _check_role(role)
        if user in admins and role != Role.ADMIN:
            require_another_admin(user, admins)
        changed = User.objects.filter(pk=user.pk, role=before, is_active=True).update(
            role=role, session_epoch=F("session_epoch") + int(before != role)
        )
        if changed != 1:
            raise Conflict(
                "role_changed_meanwhile", "The role was changed meanwhile, or the person is deactivated."
            )
        user.refresh_from_db()
        record_event(
            chain="site",
            actor=actor,
            action="user.role_changed",
            target=user,
            facts={"from": before, "to": role},
        )
    return user


def change_profile(
    *, actor: User, display_name: str | None = None, preferences: dict[str, Any] | None = None
) -> User:
    """Change one's own shown name and preferences; what is None or not named stays."""
    fields: dict[str, Any] = {}
    if display_name is not None:
        fields["display_name"] = display_name.strip()
    with transaction.atomic():
        if preferences is not None:
            row = User.objects.select_for_update(no_key=True).get(pk=actor.pk)
            fields["preferences"] = {**row.preferences, **preferences}
        if fields:
            User.objects.filter(pk=actor.pk).update(**fields)
            record_event(
                chain="site",
                actor=actor,
                action="user.profile_changed",
                target=actor,
                facts={"fields": sorted(fields)},
            )
        actor.refresh_from_db()
    return actor
