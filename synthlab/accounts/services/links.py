"""One-time links: how people get in without a mail server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from synthlab.accounts.models import LinkPurpose, OneTimeLink, User
from synthlab.accounts.secrets import digest_of, make_link_token
from synthlab.core.audit import record_event
from synthlab.core.exceptions import InvalidInput, NotFound

VALID_FOR = {LinkPurpose.INVITE: timedelta(days=7), LinkPurpose.RESET: timedelta(hours=24)}


@dataclass(frozen=True)
class IssuedLink:
    """A link that was just made; its token is shown now or never."""

    user: User
    token: str
    purpose: str
    expires_at: datetime

    @property
    def path(self) -> str:
        """Where it leads. The token stands behind `#`: browsers send that part to no server and no log."""
        return f"/accounts/invitation/#{self.token}"


def issue_link(*, actor: User | None, user: User, purpose: LinkPurpose) -> IssuedLink:
    """Make a link; earlier unused ones of this person stop working. Runs inside the caller's transaction."""
    OneTimeLink.objects.filter(user=user, used_at__isnull=True).update(used_at=Now())
    token = make_link_token()
    link = OneTimeLink.objects.create(
        user=user,
        purpose=purpose,
        token_digest=digest_of(token),
        created_by=actor,
        expires_at=timezone.now() + VALID_FOR[purpose],
    )
    return IssuedLink(user=user, token=token, purpose=purpose, expires_at=link.expires_at)


def accept_invitation(*, token: str, password: str) -> User:
    """Set a password by a one-time link, whether it invites or resets. All the person's sessions end.

    Raises:
        NotFound: The link is unknown, used, too old, or its person was deactivated.
        InvalidInput: The password is too weak; the link stays usable.
    """
    with transaction.atomic():
        link = OneTimeLink.objects.usable().filter(token_digest=digest_of(token)).first()
        if link is None:
            raise NotFound(
                "link_unusable",
                "This link was used already, is too old, or was copied in part. Ask an admin for a new one.",
            )
        # The person first, then their links: every service that touches both does it in this order.
        user: User = User.objects.select_for_update(no_key=True).get(pk=link.user_id)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise InvalidInput("password_weak", " ".join(error.messages)) from error
        if OneTimeLink.objects.filter(pk=link.pk, used_at__isnull=True).update(used_at=Now()) != 1:
            raise NotFound("link_unusable", "This link was used already. Ask an admin for a new one.")
        user.set_password(password)
        user.save(update_fields=["password"])
        User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
        user.refresh_from_db()
        record_event(
            chain="site", actor=user, action="user.password_set", target=user, facts={"by": link.purpose}
        )
    return user
