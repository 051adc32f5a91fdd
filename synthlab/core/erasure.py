"""Who else holds something of a picture that is withdrawn: apps above register here, so that nothing is forgotten.

The app that owns the picture cannot import those that grew something from it. Each of them registers one holder from its
`AppConfig.ready()`: it says what it holds, lets go in the transaction that withdraws, and erases before the file goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from synthlab.accounts.models import User


@dataclass(frozen=True)
class Trace:
    """Something that grew from pictures, or shows them.

    Attributes:
        kind: The word for such a thing: `evaluation`, `study item`.
        id: Of its row.
        title: How a person recognises it.
        detail: What the withdrawal does to it, or what there is to decide.
        url: Its page, where it has one.
    """

    kind: str
    id: UUID
    title: str
    detail: str
    url: str = ""

    def to_mapping(self) -> dict[str, Any]:
        """The trace as plain JSON."""
        return {name: str(getattr(self, name)) for name in ("kind", "id", "title", "detail", "url")}


@dataclass(frozen=True)
class Holder:
    """What one app has to do with withdrawn pictures.

    Attributes:
        name: Of the app.
        traces: Given ids of pictures: what it holds of them. Reads only.
        let_go: Given who asked and ids of pictures: stops what is at work on them, in the caller's transaction.
        forget: Given the files of pictures, which still stand: erases everything computed from their pixels. May be
            called again for the same files, and while others read.
    """

    name: str
    traces: Callable[[Sequence[UUID]], Iterable[Trace]]
    let_go: Callable[[User, Sequence[UUID]], None]
    forget: Callable[[Sequence[Path]], None]


_holders: dict[str, Holder] = {}
_MANY = 5000


def register_holder(holder: Holder) -> None:
    """Add an app that must be asked; called from `AppConfig.ready()`.

    Raises:
        ValueError: Another holder has this name.
    """
    if _holders.setdefault(holder.name, holder) != holder:
        raise ValueError(f"two holders are called {holder.name!r}")


def traces_of(pictures: Sequence[UUID]) -> list[Trace]:
    """What all apps hold of these pictures, each thing once."""
    found: dict[tuple[str, UUID], Trace] = {}
    for _, holder in sorted(_holders.items()):
        for part in _parts(pictures):
            found.update(((trace.kind, trace.id), trace) for trace in holder.traces(part))
    return list(found.values())


def let_go(actor: User, pictures: Sequence[UUID]) -> None:
    """Let every app stop what is at work on these pictures, in the caller's transaction."""
    for _, holder in sorted(_holders.items()):
        for part in _parts(pictures):
            holder.let_go(actor, part)


def forget(files: Sequence[Path]) -> None:
    """Let every app erase what it computed from these files. They must still stand."""
    for _, holder in sorted(_holders.items()):
        holder.forget(files)


def _parts(pictures: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    # A database takes a limited number of values in one query.
    for start in range(0, len(pictures), _MANY):
        yield pictures[start : start + _MANY]
