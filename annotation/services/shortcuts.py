"""A person's own keys on the reading page; they are kept with the person and go with them to any computer."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from annotation.shortcuts import faults_in
from synthlab.accounts.models import User
from synthlab.core.exceptions import InvalidInput


def shortcuts_of(user: User) -> dict[str, str]:
    """Action → key, of the actions that the person has put on another key.

    What a later release no longer takes (an action that is gone, a key that came into use) is left out as a whole: half
    of a person's keys would be worse than the usual ones.
    """
    kept = user.preferences.get("keys", {})
    return {} if faults_in(kept) else dict(kept)


@transaction.atomic
def set_shortcuts(*, actor: User, bindings: Mapping[str, str]) -> dict[str, str]:
    """Replace a person's own keys; none brings the usual ones back.

    Raises:
        InvalidInput: code `invalid_shortcuts`: an unknown action, a key that cannot be taken, or one key for two actions;
            `errors` names the action.
    """
    faults = faults_in(bindings)
    if faults:
        action, detail = next(iter(faults.items()))
        errors = [{"field": f"keys.{name}", "detail": text} for name, text in faults.items()]
        raise InvalidInput("invalid_shortcuts", f"{action}: {detail}", errors=errors)
    row = User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    row.preferences = {**row.preferences, "keys": dict(bindings)}
    row.save(update_fields=["preferences"])
    actor.preferences = row.preferences
    return dict(bindings)
