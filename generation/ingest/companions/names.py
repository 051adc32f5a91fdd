"""Find a file by what another file calls it. Names live here, in memory, while the companions are joined; nowhere else."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

Parts = tuple[str, ...]


class AmbiguousError(Exception):
    """Several files bear the name."""


class NameIndex:
    """Names of the files of an upload, as paths inside a zip or a folder.

    Args:
        names: (place, name) of each file that may be asked for.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._by_name: dict[str, list[tuple[Parts, str]]] = {}
        self._by_stem: dict[str, list[tuple[Parts, str]]] = {}
        for place, name in names:
            if parts := parts_of(name):
                self._by_name.setdefault(parts[-1], []).append((parts, place))
                self._by_stem.setdefault(_stem(parts[-1]), []).append((parts, place))

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def find(self, name: str, folder: Parts = ()) -> str | None:
        """The place of the file that is called `name`, with or without its folders and its ending.

        One path must be the end of the other, so that ``case 1/a.png`` is never taken for ``case 2/a.png``.

        Args:
            name: as a table or an annotation writes it.
            folder: where that table or annotation lies.

        Raises:
            AmbiguousError: several files fit equally well.
        """
        wanted = parts_of(name)
        if not wanted:
            return None
        for found, cut in ((self._by_name.get(wanted[-1]), False), (self._by_stem.get(wanted[-1]), True)):
            fitting = [(parts, place) for parts, place in found or () if _fits(parts, wanted, cut)]
            if fitting:
                return _nearest(fitting, [(*folder, *wanted[:-1]), wanted[:-1]])
        return None

    def find_partner(self, name: str) -> str | None:
        """The place of the file that has the same name but for its ending; of several the one in the nearest folder.

        Raises:
            AmbiguousError: several are equally near.
        """
        parts = parts_of(name)
        found = self._by_stem.get(_stem(parts[-1])) if parts else None
        return _nearest(found, [parts[:-1]]) if found else None


def parts_of(name: str) -> Parts:
    """The folders and the name of a path, alike whichever system wrote it."""
    path = unicodedata.normalize("NFC", name).casefold().replace("\\", "/").strip()
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _fits(parts: Parts, wanted: Parts, without_ending: bool) -> bool:
    mine = (*parts[:-1], _stem(parts[-1])) if without_ending else parts
    shared = min(len(mine), len(wanted))
    return mine[-shared:] == wanted[-shared:]


def _nearest(found: Sequence[tuple[Parts, str]], homes: Sequence[Parts]) -> str:
    """Of several, the one that lies exactly in a folder that is meant, else the one whose folders agree longest."""
    ranked = sorted((_rank(parts[:-1], homes), place) for parts, place in found)
    if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
        raise AmbiguousError
    return ranked[0][1]


def _rank(folder: Parts, homes: Sequence[Parts]) -> tuple[int, int]:
    exact = next((index for index, home in enumerate(homes) if home == folder), len(homes))
    return exact, -_agreeing(folder, homes[0])


def _agreeing(one: Parts, other: Parts) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
