"""Members on the disk: read from the database once, gone through as often as a format needs, one in memory at a time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from annotation.export.canonical import canonical_json
from annotation.export.ledger import Tally, tally_schema
from annotation.export.member import describe_member, read_member
from annotation.export.rows import MemberRow, SchemaRow

_DIGEST_BYTES = 32


class SpooledMembers(Sequence[MemberRow]):
    """A sequence of members in a file: each as the signed document has it, on a line of its own.

    In memory there are 40 bytes a member: where its line begins, and the digest of its image, which is all that copying
    the images needs.

    Args:
        members: What to keep, in the order of their digests; gone through once, at once.
        path: The file; it must outlive this object.

    Raises:
        ValueError: The members are not in order, or one stands there twice.

    Attributes:
        path: The file.
        tally: What was counted of the members as they came.
    """

    def __init__(self, members: Iterable[MemberRow], path: Path) -> None:
        self.path, self.tally = path, Tally()
        self._offsets, self._digests = array("Q"), bytearray()
        offset, before = 0, ""
        with path.open("wb") as file:
            for member in members:
                if member.digest <= before:
                    raise ValueError(
                        "the members of a snapshot stand once each, in the order of their digests"
                    )
                before = member.digest
                self.tally.add(member)
                self._offsets.append(offset)
                self._digests += bytes.fromhex(member.digest)
                offset += file.write(canonical_json(describe_member(member)))

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[MemberRow]:
        return map(read_member, self.described())

    def described(self) -> Iterator[dict[str, Any]]:
        """Each member as the signed document has it."""
        with self.path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield json.loads(line)

    def digest(self, place: int) -> str:
        """The digest of the image that stands there."""
        start = place * _DIGEST_BYTES
        return self._digests[start : start + _DIGEST_BYTES].hex()

    def at(self, places: Iterable[int]) -> Iterator[MemberRow]:
        """The members that stand there, one after another."""
        with self.path.open("rb") as file:
            for place in places:
                file.seek(self._offsets[place])
                yield read_member(json.loads(file.readline()))

    @overload
    def __getitem__(self, index: int) -> MemberRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[MemberRow]: ...
    def __getitem__(self, index: int | slice) -> MemberRow | Sequence[MemberRow]:
        if isinstance(index, slice):
            return list(self.at(range(*index.indices(len(self)))))
        return next(self.at([index]))


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
    elif isinstance(members, SpooledMembers):
        yield from members.at(places)
    else:
        yield from (members[place] for place in places)


def digests_at(members: Sequence[MemberRow], places: Iterable[int]) -> Iterator[str]:
    """The digests of the images that stand there; no member is read again for them."""
    if isinstance(members, SpooledMembers):
        yield from map(members.digest, places)
    else:
        yield from (members[place].digest for place in places)


def described_members(members: Iterable[MemberRow]) -> Iterator[dict[str, Any]]:
    """Each member as the signed document has it."""
    if isinstance(members, SpooledMembers):
        yield from members.described()
    else:
        yield from map(describe_member, members)


def tally_members(schema: SchemaRow, members: Iterable[MemberRow]) -> Tally:
    """Count a release: spooled members were counted as they came."""
    if isinstance(members, SpooledMembers):
        return tally_schema(schema, members.tally)
    tally = Tally()
    for member in members:
        tally.add(member)
    return tally_schema(schema, tally)
