"""What must always be true of the stored data. Apps register their own; `synthlab check` runs them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Finder = Callable[[], Iterable[str]]
DigestSource = Callable[[], Iterable[str]]

_finders: dict[str, Finder] = {}
_digest_sources: dict[str, DigestSource] = {}


@dataclass(frozen=True)
class Violation:
    """One broken promise: which, and where."""

    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.detail}"


def invariant(name: str) -> Callable[[Finder], Finder]:
    """Register a function that yields one line for every row that breaks the promise.

    Args:
        name: What holds, as a sentence (`no read has two live leases`); unique.
    """

    def register(finder: Finder) -> Finder:
        if name in _finders and _finders[name] is not finder:
            raise ValueError(f"two invariants are called {name!r}")
        _finders[name] = finder
        return finder

    return register


def digest_source(name: str) -> Callable[[DigestSource], DigestSource]:
    """Register a function that yields the digest of every stored file that an app's rows name."""

    def register(source: DigestSource) -> DigestSource:
        if name in _digest_sources and _digest_sources[name] is not source:
            raise ValueError(f"two digest sources are called {name!r}")
        _digest_sources[name] = source
        return source

    return register


def named_digests() -> Iterator[tuple[str, str]]:
    """Every (source, digest) pair that some row names."""
    for name, source in sorted(_digest_sources.items()):
        for digest in source():
            yield name, digest


def invariant_names() -> list[str]:
    """The names of all registered invariants."""
    return sorted(_finders)


def find_violations(names: Iterable[str] | None = None) -> Iterator[Violation]:
    """Run invariants (all of them by default) and yield what is broken."""
    for name in sorted(_finders if names is None else names):
        for detail in _finders[name]():
            yield Violation(name, detail)
