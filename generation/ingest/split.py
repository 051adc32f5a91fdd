"""Seeded, grouped, stratified split: no group and no linked groups on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generation.ingest.tiling import SPLITS

FEW = 300
SHARES_OF_FEW: Mapping[str, float] = {"train": 0.5, "val": 0.5, "held_out": 0.0}
SHARES: Mapping[str, float] = {"train": 0.7, "val": 0.2, "held_out": 0.1}

Contents = Mapping[str, Counter[str]]
"""Group → how many images of each class it holds (class "" where there is none)."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Groups that may not be parted: a group, or several that share near duplicates."""

    groups: tuple[str, ...]
    counts: Counter[str]

    @property
    def size(self) -> int:
        return self.counts.total()


def default_shares(images: int) -> Mapping[str, float]:
    """Below 300 images halves and nothing held out; 70 / 20 / 10 otherwise."""
    return SHARES_OF_FEW if images < FEW else SHARES


def assign(
    contents: Contents,
    shares: Mapping[str, float],
    seed: int,
    pinned: Mapping[str, str] | None = None,
    links: Iterable[tuple[str, str]] = (),
) -> dict[str, str]:
    """Give each group a split.

    The largest parts choose first, each going where it brings the counts per class nearest to the shares; parts of
    one size are ordered by a hash of the seed. So the outcome depends on contents and seed alone, not on the order
    of the upload.

    Args:
        contents: groups and their class counts.
        shares: split → share; zero means none.
        seed: for the order among equals.
        pinned: groups whose split is fixed; one that is linked to others takes them along.
        links: pairs of groups that must stay together.

    Returns:
        Group → ``train``, ``val`` or ``held_out``.
    """
    pinned = pinned or {}
    active = [split for split in SPLITS if shares.get(split, 0) > 0]
    parts = _parts(contents, links)
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part.counts)
    whole = sum(shares[split] for split in active)
    wanted = {
        split: {label: count * shares[split] / whole for label, count in total.items()} for split in active
    }
    held: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    chosen: list[tuple[_Part, str]] = []
    free = []
    for part in parts:
        split = _pinned_split(part, pinned)
        if split is None:
            free.append(part)
        else:
            held[split].update(part.counts)
            chosen.append((part, split))
    movable = []
    for part in sorted(free, key=lambda part: (-part.size, _draw(seed, part))):
        split = min(active, key=lambda name: _cost(part, held[name], wanted[name]))
        held[split].update(part.counts)
        movable.append((part, split))
    chosen += _leave_none_empty(movable, active, {split for _, split in chosen})
    return {group: split for part, split in chosen for group in part.groups}


def _parts(contents: Contents, links: Iterable[tuple[str, str]]) -> list[_Part]:
    """Join linked groups."""
    root = {group: group for group in contents}

    def find(group: str) -> str:
        while root[group] != group:
            root[group] = root[root[group]]
            group = root[group]
        return group

    for one, other in links:
        if one in root and other in root:
            first, second = sorted((find(one), find(other)))
            root[second] = first
    members: dict[str, list[str]] = {}
    for group in sorted(contents):
        members.setdefault(find(group), []).append(group)
    return [
        _Part(tuple(groups), sum((contents[group] for group in groups), Counter()))
        for groups in members.values()
    ]


def _pinned_split(part: _Part, pinned: Mapping[str, str]) -> str | None:
    """The split that one of the groups is fixed to; train wins, so that nothing leaks into an evaluation."""
    fixed = {pinned[group] for group in part.groups if group in pinned}
    return next((split for split in SPLITS if split in fixed), None)


def _draw(seed: int, part: _Part) -> bytes:
    return hashlib.sha256(f"{seed}|{part.groups[0]}".encode()).digest()


def _cost(part: _Part, held: Counter[str], wanted: Mapping[str, float]) -> float:
    """Change of the squared distance from the wanted counts, rare classes weighing as much as common ones."""
    cost = 0.0
    for label, count in part.counts.items():
        missing = wanted[label] - held[label]
        cost += count * (count - 2 * missing) / max(wanted[label], 1e-9)
    overall = sum(wanted.values()) - held.total()
    return cost + part.size * (part.size - 2 * overall) / max(sum(wanted.values()), 1e-9)


def _leave_none_empty(
    chosen: list[tuple[_Part, str]], active: list[str], served: set[str]
) -> list[tuple[_Part, str]]:
    """Give each split that came out empty the smallest part of the split that has most parts."""
    for split in active:
        counts = Counter(name for _, name in chosen)
        if counts[split] or split in served or not counts:
            continue
        richest, most = counts.most_common(1)[0]
        if most > 1:
            index = max(index for index, (_, name) in enumerate(chosen) if name == richest)
            chosen[index] = (chosen[index][0], split)
    return chosen
