"""Rules that several services of this app share."""

from __future__ import annotations

from synthlab.accounts.models import Role, User
from synthlab.core.exceptions import Conflict, NotAllowed


def require_admin(actor: User) -> None:
    if not (actor.is_active and actor.is_admin):
        raise NotAllowed("admins_only", "Only an admin looks after people.")


def require_another_admin(user: User) -> None:
    """Refuse what would leave nobody who can look after people.

    All admins are locked first, in one order, so that two of them cannot remove each other at once.
    """
    admins = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True).order_by("pk")
    others = [admin for admin in admins if admin.pk != user.pk and admin.has_usable_password()]
    if not others:
        raise Conflict(
            "last_admin",
            "This is the last admin who can log in. Nothing was changed; make somebody else an admin first.",
        )
