"""What formats share that put many images into one file: when a shard is full, what it is called, what must be there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from annotation.export.formats import Member, Source
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow
from annotation.export.spool import at_places, places_by_split

_UNSPLIT = "part"


class ShardRows:
    """Rows that are handed out to one shard after another.

    Args:
        rows: All rows of a split.
    """

    def __init__(self, rows: Iterator[MemberRow]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def shards(self) -> Iterator[int]:
        """Numbers of shards, for as long as there are rows; each must be written before the next is asked for."""
        number = 0
        while self._next is not None:
            yield number
            number += 1

    def take(self) -> MemberRow | None:
        """The next row, if there is one."""
        row, self._next = self._next, next(self._rows, None)
        return row


def write_shards(
    source: Source, folder: str, ending: str, write: Callable[[Source, ShardRows], Iterator[bytes]]
) -> Iterator[Member]:
    """Shards by split, each begun when the one before it is full; `write` takes the rows that go into one."""
    members = source.release.members
    for split, places in places_by_split(members).items():
        rows = ShardRows(at_places(members, places))
        for number in rows.shards():
            yield Member(shard_name(folder, split, number, ending), write(source, rows))


def check_shards(
    opened: Opened,
    labels: Mapping[str, Any],
    folder: str,
    ending: str,
    check: Callable[[str, bytes, Iterator[Mapping[str, Any]]], None],
) -> None:
    """The shards of a split are all there and hold its images in their order; `check` looks into one of them.

    Raises:
        BadArchiveError: As said.
    """
    check_shard_names(opened, labels, folder, ending)
    for split, members in by_shard_split(labels).items():
        wanted = iter(members)
        name = shard_name(folder, split, 0, ending)
        for name in opened.under(shard_name(folder, split, None, "")):
            check(name, opened.read(name), wanted)
        if next(wanted, None) is not None:
            raise BadArchiveError(name, "ends before the labels do")


def shard_name(folder: str, split: str, number: int | None, ending: str) -> str:
    """`shards/train-00000.tar`; without a number, what the names of all shards of a split begin with."""
    stem = f"{folder}{split or _UNSPLIT}-"
    return stem if number is None else f"{stem}{number:05d}{ending}"


def by_shard_split(labels: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The members of the labels by split."""
    splits: dict[str, list[Mapping[str, Any]]] = {}
    for member in labels["members"]:
        splits.setdefault(member.get("split", ""), []).append(member)
    return splits


def check_shard_names(opened: Opened, labels: Mapping[str, Any], folder: str, ending: str) -> None:
    """Every split has its shards, numbered without a gap, and there is no other file.

    Raises:
        BadArchiveError: As said.
    """
    counts = dict.fromkeys((split or _UNSPLIT for split in by_shard_split(labels)), 0)
    for name in opened.under(folder):
        match = re.fullmatch(rf"{re.escape(folder)}([a-z]+)-(\d{{5}}){re.escape(ending)}", name)
        if not match or match[1] not in counts or int(match[2]) != counts[match[1]]:
            raise BadArchiveError(name, "is no shard of a split in the labels, or one before it is missing")
        counts[match[1]] += 1
    for split, count in counts.items():
        if not count:
            raise BadArchiveError(f"{folder}{split}-00000{ending}", "is missing")
