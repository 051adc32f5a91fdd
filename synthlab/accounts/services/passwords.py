"""The password asked again, before something that binds."""

from __future__ import annotations

from django.core.cache import cache
from django.db import transaction

from synthlab.accounts.models import User
from synthlab.core.exceptions import NotAllowed, TooMany

TRIES = 5
WINDOW_SECONDS = 300


def confirm_password(*, actor: User, password: str) -> None:
    """Refuse whoever does not know the password of the account that they act as.

    Wrong ones are counted as at the login, so that a page left open or a stolen token is no place to guess. Call it
    outside of a transaction: the count must outlive the refusal.

    Raises:
        NotAllowed: It is not their password.
        TooMany: It was wrong five times; it is asked again when five minutes have passed without a try.
    """
    key = f"password-asked:{actor.pk}"
    with transaction.atomic():
        # Counted before it is looked at, one after the other: a hundred tries at once are a hundred tries.
        User.objects.select_for_update(no_key=True).get(pk=actor.pk)
        tries = int(cache.get(key, 0)) + 1
        cache.set(key, tries, WINDOW_SECONDS)
    if tries > TRIES:
        raise TooMany(
            "too_many_passwords",
            "The password was wrong too often. Nothing was changed; wait five minutes and try again.",
            retry_after=WINDOW_SECONDS,
        )
    if not actor.check_password(password):
        words = "This is not your password. Nothing was signed."
        raise NotAllowed("wrong_password", words, errors=[{"field": "password", "detail": words}])
    cache.delete(key)
