"""The kinds of long work that the apps have registered, by name."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.module_loading import import_string

from synthlab.core.models import Lane


@dataclass(frozen=True)
class JobKind:
    """How one kind of job is done.

    Attributes:
        name: The `kind` of its jobs.
        handler: Dotted path of `handler(context) -> dict | None`; imported in the worker only.
        lane: Which cluster takes it.
        on_end: Dotted path of `on_end(job)`, run in the transaction that makes a job failed, cancelled or dead.
        deadline_seconds: How long one attempt may take; none means as long as the lane allows.
        on_requeue: Dotted path of `on_requeue(job)`, run in the transaction that queues a failed job again; it raises a
            DomainError where the work may no longer be done: its person may have lost the right since.
        is_needed: Dotted path of `is_needed(job) -> bool`: whether a row still starts from what an ended job left in
            its work folder, however long ago that was.
    """

    name: str
    handler: str
    lane: Lane
    on_end: str | None = None
    deadline_seconds: int | None = None
    on_requeue: str | None = None
    is_needed: str | None = None


class UnknownKind(LookupError):
    """No installed app registered this kind of job."""


_kinds: dict[str, JobKind] = {}


def register(
    kind: str,
    handler: str,
    *,
    lane: Lane,
    on_end: str | None = None,
    deadline_seconds: int | None = None,
    on_requeue: str | None = None,
    is_needed: str | None = None,
) -> None:
    """Make a kind of job known. Called from `AppConfig.ready()`; see `JobKind` for the arguments.

    Raises:
        ValueError: Another handler has this name.
    """
    known = JobKind(kind, handler, lane, on_end, deadline_seconds, on_requeue, is_needed)
    if _kinds.setdefault(kind, known) != known:
        raise ValueError(f"two kinds of job are called {kind!r}")


def kind_of(name: str) -> JobKind:
    """The kind of this name.

    Raises:
        UnknownKind: No installed app registered it.
    """
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(f"no installed app knows jobs of the kind {name!r}") from None


def load(dotted_path: str) -> object:
    """Import a handler or an `on_end`, lazily, so that the web never loads what only workers need."""
    return import_string(dotted_path)
