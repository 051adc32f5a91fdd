"""What apps above do with synthetic images: they register here, since evaluation cannot import them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from generation.models import Batch, SyntheticImage

if TYPE_CHECKING:
    from synthlab.accounts.models import User


@dataclass(frozen=True)
class Happening:
    """Something that happened to an image, in words that the person who asks may read."""

    at: datetime
    title: str
    detail: str = ""
    url: str = ""


@dataclass(frozen=True)
class ImageUser:
    """An app that takes synthetic images.

    Attributes:
        name: Of the app.
        history: Given who asks and an image: what happened to it there, as far as this person may know.
        taken: Given a batch: the indexes of its images that the app holds.
    """

    name: str
    history: Callable[[User, SyntheticImage], Iterable[Happening]]
    taken: Callable[[Batch], Iterable[int]]


_users: dict[str, ImageUser] = {}


def register_image_user(user: ImageUser) -> None:
    """Add an app; called from `AppConfig.ready()`.

    Raises:
        ValueError: Another one has this name.
    """
    if _users.setdefault(user.name, user) != user:
        raise ValueError(f"two users of images are called {user.name!r}")


def history_elsewhere(asker: User, image: SyntheticImage) -> list[Happening]:
    """What all apps above tell of an image."""
    return [one for _, user in sorted(_users.items()) for one in user.history(asker, image)]


def taken_of(batch: Batch) -> set[int]:
    """The indexes of a batch's images that some app above holds."""
    return {index for user in _users.values() for index in user.taken(batch)}
