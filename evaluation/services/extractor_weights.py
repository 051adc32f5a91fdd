"""Weights that a site brings itself: checked by a child process, kept in one folder, each import on record."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.db import transaction

from evaluation.ml.weights import Imported, find_imported
from synthlab.accounts.models import User
from synthlab.core.audit import SITE_CHAIN, record_event
from synthlab.core.exceptions import InvalidInput, NotAllowed


def keep_weights(*, actor: User, made: Path, name: str) -> Imported:
    """Keep what the child has checked and rewritten, and record who brought it.

    Args:
        actor: An admin.
        made: The folder that the child wrote to, on the file system of `WEIGHTS_ROOT`.
        name: Of the extractor.

    Raises:
        NotAllowed: The actor is no active admin.
        InvalidInput: `made` holds no such weights.
    """
    if not (actor.is_admin and actor.is_active):
        raise NotAllowed("admins_only", "Only an admin brings weights.")
    imported = find_imported(made, name)
    if imported is None:
        raise InvalidInput("weights_missing", "The child process left no weights.")
    # The record first: of two harmless halves, a record without weights is seen by whoever looks for them.
    with transaction.atomic():
        record_event(
            chain=SITE_CHAIN, actor=actor, action="weights.imported", target=actor, facts=asdict(imported)
        )
    for suffix in ("safetensors", "json"):  # the index last: weights without one do not exist
        os.replace(made / f"{name}.{suffix}", Path(settings.WEIGHTS_ROOT) / f"{name}.{suffix}")
    return imported
