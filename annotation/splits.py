"""Families of related images, and their shares of train, val and test: nobody is tested on kin of what they learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

NAMES = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Member:
    """An image as far as splitting goes.

    Attributes:
        name: What tells it from all others wherever it is frozen: its digest.
        stratum: What the splits should have in the same shares: its classes.
        family: The number of its family.
    """

    name: str
    stratum: str
    family: int


def number(marks: Iterable[Hashable]) -> list[int]:
    """Number the families: for each image that of its family, from 0 in the order in which families appear.

    Args:
        marks: What an image shares with its family and with nobody else.
    """
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(mark, len(numbers)) for mark in marks]


def assign_splits(members: Sequence[Member], shares: Mapping[str, float], seed: int) -> list[str]:
    """Give each whole family to one split, so that the splits have their shares of the images, over all and in each stratum.

    Families go one after the other, stratum by stratum and inside a stratum in a random order that the seed fixes, each
    to the split that lacks most of its share of the images gone so far. Any stretch of that order has the shares as
    nearly as whole families allow, so a stratum of many families has them, and rare strata together have them.

    Args:
        members: The images, in any order: the result hangs on names, strata, families and seed alone.
        shares: Of `NAMES`; they add up to 1.
        seed: Any whole number.

    Returns:
        For each member its split.
    """
    families: dict[int, list[Member]] = {}
    for member in members:
        families.setdefault(member.family, []).append(member)

    def place(family: int) -> tuple[str, str]:
        kin = families[family]
        name = min(member.name for member in kin)
        return min(member.stratum for member in kin), hashlib.sha256(f"{seed}|{name}".encode()).hexdigest()

    gone, counts = 0, dict.fromkeys(NAMES, 0)
    chosen: dict[int, str] = {}
    for family in sorted(families, key=place):
        size = len(families[family])
        gone += size
        lacking = {name: shares.get(name, 0.0) * gone - counts[name] for name in NAMES if shares.get(name)}
        # Rounded, so that sums of floating point numbers decide no tie; then the order of the names does.
        chosen[family] = max(lacking, key=lambda name: round(lacking[name], 9))
        counts[chosen[family]] += size
    return [chosen[member.family] for member in members]
