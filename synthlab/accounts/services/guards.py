"""Rules that several services of this app share."""

from __future__ import annotations

from collections.abc import Sequence

from synthlab.accounts.models import Role, User
from synthlab.core.exceptions import Conflict, NotAllowed


def require_admin(actor: User) -> list[User]:
    """Refuse whoever is no admin at this moment; runs inside the caller's transaction.

    All admins are read again and locked, in one order: of two who remove each other at once, one is first, and the
    other one, who is no admin any more, is refused. The lock lets rows that name an admin be written meanwhile.

    Returns:
        The active admins, locked until the transaction ends.

    Raises:
        NotAllowed: The actor is not among them.
    """
    rows = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk")
    admins = list(rows.select_for_update(no_key=True))
    if all(admin.pk != actor.pk for admin in admins):
        raise NotAllowed("admins_only", "Only an admin looks after people.")
    return admins


def require_another_admin(user: User, admins: Sequence[User]) -> None:
    """Refuse what would leave nobody who can look after people.

    Raises:
        Conflict: None of `admins` but `user` can log in.
    """
    if not any(admin.pk != user.pk and admin.has_usable_password() for admin in admins):
        raise Conflict(
            "last_admin",
            "This is the last admin who can log in. Nothing was changed; make somebody else an admin first.",
        )
