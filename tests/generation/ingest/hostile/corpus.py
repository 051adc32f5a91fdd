"""Files that were made to harm, each with the reason it is here: built in code, none kept as a binary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

OK = "ok"


@dataclass(frozen=True, slots=True)
class Hostile:
    """One file.

    Attributes:
        name: unique.
        why: what it tries, in one line.
        mirrors: the published weakness, or the class of weaknesses, that it follows.
        codes: what becomes of each place in it, in order: a refusal's code, or `ok` where honest pixels are taken.
        build: makes its bytes.
    """

    name: str
    why: str
    mirrors: str
    codes: tuple[str, ...]
    build: Callable[[], bytes]


CORPUS: list[Hostile] = []


def hostile(*codes: str, why: str, mirrors: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Enter a builder into the corpus."""

    def enter(build: Callable[[], bytes]) -> Callable[[], bytes]:
        CORPUS.append(Hostile(build.__name__, why, mirrors, codes, cache(build)))
        return build

    return enter


def whole_corpus() -> list[Hostile]:
    """Every hostile file, in a fixed order."""
    from tests.generation.ingest.hostile import archives, arrays, dicoms, disguises, pictures, tiffs

    assert all((archives, arrays, dicoms, disguises, pictures, tiffs))
    return sorted(CORPUS, key=lambda hostile: hostile.name)
