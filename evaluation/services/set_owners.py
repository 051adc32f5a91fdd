"""Whose accepted images a set holds. The reading of images knows of evaluation, not the reverse: it registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.models import ImageSet

if TYPE_CHECKING:
    from synthlab.accounts.models import User


@dataclass(frozen=True)
class SetOwner:
    """What a set was frozen of, as far as the person who asks may know it."""

    title: str
    url: str


Source = Callable[["User", ImageSet], SetOwner | None]
_sources: list[Source] = []


def register_set_owner(source: Source) -> None:
    """Name who can tell what a set was frozen of; called once, when the app is ready."""
    if source not in _sources:
        _sources.append(source)


def owner_of(user: User, image_set: ImageSet) -> SetOwner | None:
    """Where the set's images were accepted; None where nobody knows, or this person may not."""
    return next((found for source in _sources if (found := source(user, image_set))), None)
