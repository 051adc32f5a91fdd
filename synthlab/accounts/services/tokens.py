"""API tokens: made, used, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from synthlab.accounts.models import ApiToken, TokenScope, User
from synthlab.accounts.secrets import PREFIX_LENGTH, TOKEN_LENGTH, TOKEN_MARK, digest_of, make_token
from synthlab.core.audit import record_event
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed

LONGEST_DAYS = 90
MOST_TOKENS = 50
USE_NOTED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class IssuedToken:
    """A token that was just made; its secret is shown now or never."""

    token: ApiToken
    secret: str


def create_token(
    *,
    actor: User,
    name: str,
    scope: str = TokenScope.WRITE,
    days: int = LONGEST_DAYS,
    by: ApiToken | None = None,
) -> IssuedToken:
    """Make a token for oneself.

    Args:
        actor: Whose token it becomes.
        name: What it is for.
        scope: `read` or `write`.
        days: How long it lasts, at most 90 days.
        by: The token that asks, if one does: what it makes cannot outlast it.

    Raises:
        InvalidInput: Scope, name or days are not acceptable.
        Conflict: The person has too many tokens, or was deactivated.
    """
    if scope not in TokenScope.values:
        raise InvalidInput("scope_unknown", f"A scope is one of {', '.join(TokenScope.values)}.")
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput("token_days", f"A token lasts 1 to {LONGEST_DAYS} days.")
    name = name.strip()
    if not name or len(name) > 80:
        raise InvalidInput(
            "token_name", "Give the token a name of 1 to 80 characters, so that you know it again."
        )
    expires_at = timezone.now() + timedelta(days=days)
    secret = make_token()
    with transaction.atomic():
        if not User.objects.select_for_update(no_key=True).get(pk=actor.pk).is_active:
            # Shut out since the request began: the token would come to life if the person came back.
            raise Conflict("user_deactivated", "This account is deactivated.")
        if ApiToken.objects.filter(user=actor).usable().count() >= MOST_TOKENS:
            raise Conflict(
                "too_many_tokens", f"You have {MOST_TOKENS} tokens. Revoke those that you no longer need."
            )
        token = ApiToken.objects.create(
            user=actor,
            name=name,
            prefix=secret[:PREFIX_LENGTH],
            digest=digest_of(secret),
            scope=scope,
            expires_at=min(expires_at, by.expires_at) if by else expires_at,
        )
        record_event(
            chain="site",
            actor=actor,
            action="token.created",
            target=token,
            facts={"scope": scope, "days": days},
        )
    return IssuedToken(token=token, secret=secret)


def revoke_token(*, actor: User, token: ApiToken) -> ApiToken:
    """End a token at once. Doing it twice changes nothing.

    Raises:
        NotAllowed: It is somebody else's, and the actor is no admin.
    """
    if token.user_id != actor.pk and not actor.is_admin:
        raise NotAllowed("not_your_token", "Only its owner or an admin can revoke a token.")
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=Now()):
            record_event(chain="site", actor=actor, action="token.revoked", target=token)
        token.refresh_from_db()
    return token


def find_token(secret: str) -> ApiToken | None:
    """The usable token with this secret, with its person; notes its use, at most every five minutes."""
    if len(secret) != TOKEN_LENGTH or not secret.startswith(TOKEN_MARK):
        return None
    token = ApiToken.objects.usable().select_related("user").filter(digest=digest_of(secret)).first()
    if token is None:
        return None
    stale = timezone.now() - USE_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at < stale:
        unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=Now())
    return token
