"""What a format is: how it writes its files, how they are checked, what it can be told, what it cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from annotation.export.ledger import LossKind
from annotation.export.opened import Opened
from annotation.export.rows import Release

Options = Mapping[str, Any]


class OptionError(ValueError):
    """An option that the format does not know, or a value it cannot have: `name` says which."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive.

    Attributes:
        name: Its path.
        data: Its bytes, or its parts in order, made when its turn comes.
        sha256: The digest of its bytes where they were checked against it already; they are not hashed again.
    """

    name: str
    data: bytes | Iterable[bytes]
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What a format is written from.

    Attributes:
        release: The snapshot.
        options: A value for every option of the format, checked.
        image: The PNG file of a digest, checked against it.
        scratch: A folder for what is too large for memory; gone afterwards.
    """

    release: Release
    options: Options
    image: Callable[[str], bytes]
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something a format can be told: one of `choices`, or a whole number from `lowest` to `highest`."""

    name: str
    title: str
    default: str | int
    choices: tuple[str, ...] = ()
    lowest: int = 0
    highest: int = 0

    def check(self, value: object) -> str | int:
        """The value as the format takes it.

        Raises:
            OptionError: It cannot have that value.
        """
        if self.choices:
            if isinstance(value, str) and value in self.choices:
                return value
            raise OptionError(self.name, f"Expected one of {', '.join(self.choices)}.")
        number = _whole(value)
        if number is None or not self.lowest <= number <= self.highest:
            raise OptionError(self.name, f"Expected a whole number from {self.lowest} to {self.highest}.")
        return number


@dataclass(frozen=True, slots=True)
class Described:
    """File sets and record sets in the words of Croissant."""

    distribution: tuple[Mapping[str, Any], ...] = ()
    record_sets: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to render a release.

    Attributes:
        key: Its name in addresses and commands.
        title: Its name for people.
        summary: Who reads it.
        write: Its members in ascending order of name, lazily: never more than an image or a shard's part at once.
        check: Compares its files with `labels.json` in an archive whose digests all hold; raises `BadArchiveError`.
        losses: What its own files cannot hold.
        options: What it can be told.
        owns: What the names of its files begin with; another file in the archive is a stranger.
        needs: The module of an optional package, imported only inside `write`.
        check_needs: The module of an optional package, imported only inside `check`.
        layout: What lies where, as lines of the README.
        croissant: Its part of the Croissant description: file sets and record sets beside those of the labels.
        front_matter: Lines for the head of the README, for readers that look there.
    """

    key: str
    title: str
    summary: str
    write: Callable[[Source], Iterator[Member]]
    check: Callable[[Opened, Mapping[str, Any]], None]
    owns: tuple[str, ...]
    losses: tuple[LossKind, ...]
    options: tuple[Option, ...] = ()
    needs: str = ""
    check_needs: str = ""
    layout: tuple[str, ...] = ()
    croissant: Callable[[Release], Described] = lambda release: Described()
    front_matter: Callable[[Release], tuple[str, ...]] = lambda release: ()

    @property
    def is_available(self) -> bool:
        """Whether what it needs is installed."""
        return not self.needs or find_spec(self.needs) is not None

    @property
    def can_check(self) -> bool:
        """Whether what its check needs is installed."""
        return not self.check_needs or find_spec(self.check_needs) is not None

    def check_options(self, given: Mapping[str, object]) -> dict[str, str | int]:
        """Every option of the format, as given or by default.

        Raises:
            OptionError: One is unknown or has a value it cannot have.
        """
        known = {option.name: option for option in self.options}
        for name in sorted(given):
            if name not in known:
                words = f"Expected {', '.join(sorted(known))}." if known else "This format has no options."
                raise OptionError(name, f"Unknown option. {words}")
        return {name: option.check(given.get(name, option.default)) for name, option in known.items()}


def _whole(value: object) -> int | None:
    """A whole number, also as the text that a form sends."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
