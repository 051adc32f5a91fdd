"""Members on the disk: read from the database once, gone through as often as a format needs, one in memory at a time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from annotation.export.canonical import Written, canonical_json
from annotation.export.member import describe_member, read_member
from annotation.export.rows import MemberRow


class SpooledMembers(Sequence[MemberRow]):
    """A sequence of members in a file of JSON lines.

    Args:
        members: What to keep, in the order of their digests; gone through once, at once.
        path: The file; it must outlive this object.

    Raises:
        ValueError: The members are not in order, or one stands there twice.
    """

    def __init__(self, members: Iterable[MemberRow], path: Path) -> None:
        self._path, self._offsets = path, array("Q")
        offset, before = 0, ""
        with path.open("wb") as file:
            for member in members:
                if member.digest <= before:
                    raise ValueError(
                        "the members of a snapshot stand once each, in the order of their digests"
                    )
                before = member.digest
                line = canonical_json(describe_member(member))
                self._offsets.append(offset)
                offset += file.write(line)

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[MemberRow]:
        with self._path.open("rb") as file:
            for line in file:
                yield read_member(json.loads(line))

    def written(self) -> Iterator[Written]:
        """Each member as the JSON text that the signed document has of it."""
        with self._path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield Written(line.rstrip("\n"))

    @overload
    def __getitem__(self, index: int) -> MemberRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[MemberRow]: ...
    def __getitem__(self, index: int | slice) -> MemberRow | Sequence[MemberRow]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        with self._path.open("rb") as file:
            file.seek(self._offsets[index])
            return read_member(json.loads(file.readline()))


def places_by(members: Sequence[MemberRow], key: Callable[[MemberRow], Hashable]) -> dict[Any, Sequence[int]]:
    """Where the members of each group stand, groups in ascending order, members in theirs."""
    places: dict[Any, array[int]] = {}
    for place, member in enumerate(members):
        places.setdefault(key(member), array("L")).append(place)
    return dict(sorted(places.items()))


def places_by_split(members: Sequence[MemberRow]) -> dict[str, Sequence[int]]:
    """Where the members of each split stand; nothing is gone through where the snapshot is not split."""
    if members and not members[0].split:
        return {"": range(len(members))}
    return places_by(members, lambda member: member.split)


def at_places(members: Sequence[MemberRow], places: Sequence[int]) -> Iterator[MemberRow]:
    """The members that stand there; all of them are gone through in one go."""
    if len(places) == len(members):
        yield from members
        return
    for place in places:
        yield members[place]
