"""Splits by family: nobody stands on two sides, shares are kept, and the seed alone decides."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from annotation.splits import Member, assign_splits, number

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def members(sizes: list[int], strata: str = "ab") -> list[Member]:
    """Families of these sizes, all members of one in one stratum."""
    rows = [(family, number) for family, size in enumerate(sizes) for number in range(size)]
    return [Member(f"{f:04d}-{n}", strata[f % len(strata)], f) for f, n in rows]


def test_families_are_numbered_as_they_appear():
    assert number(["a", "b", "a", "c", "b"]) == [0, 1, 0, 2, 1]
    assert number([]) == []


@pytest.mark.parametrize("seed", range(5))
def test_families_stay_whole_and_shares_are_kept(seed: int):
    rng = random.Random(seed)
    rows = members([rng.choice([1, 1, 1, 2, 5]) for _ in range(400)])
    named = assign_splits(rows, SHARES, seed)
    homes: dict[int, set[str]] = {}
    for row, name in zip(rows, named, strict=True):
        homes.setdefault(row.family, set()).add(name)
    assert all(len(home) == 1 for home in homes.values())
    for part in ("a", "b", None):
        own = [name for row, name in zip(rows, named, strict=True) if part in (None, row.stratum)]
        counts = Counter(own)
        for name, share in SHARES.items():
            assert abs(counts[name] - share * len(own)) <= 10  # two families of the largest size


def test_rare_findings_are_spread_though_each_has_one_family_only():
    rows = [Member(f"{n:03d}", f"rare {n:03d}", n) for n in range(100)]
    assert Counter(assign_splits(rows, SHARES, 0)) == {"train": 70, "val": 15, "test": 15}


def test_the_order_of_the_rows_and_the_numbers_of_families_change_nothing():
    rows = members([1, 3, 2, 1, 1, 4] * 10)
    named = {row.name: name for row, name in zip(rows, assign_splits(rows, SHARES, 7), strict=True)}
    other = [Member(row.name, row.stratum, 1000 - row.family) for row in rows]
    random.Random(1).shuffle(other)
    assert {row.name: name for row, name in zip(other, assign_splits(other, SHARES, 7), strict=True)} == named


def test_another_seed_gives_other_splits_and_the_same_seed_the_same():
    rows = members([1] * 60)
    assert assign_splits(rows, SHARES, 1) == assign_splits(rows, SHARES, 1) != assign_splits(rows, SHARES, 2)


def test_a_split_without_a_share_gets_nothing():
    named = assign_splits(members([1] * 20), {"train": 0.5, "test": 0.5}, 3)
    assert Counter(named) == {"train": 10, "test": 10}


def test_what_a_seed_gives_is_fixed_for_good():
    rows = members([1, 2, 1, 1, 2, 1, 1, 1])
    assert "".join(name[1] for name in assign_splits(rows, SHARES, 42)) == GOLDEN


GOLDEN = "rrraarrrer"
