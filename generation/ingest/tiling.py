"""Cut a large picture into region blocks and tiles so that no two blocks share a pixel.

A block is a group. Blocks of different splits have a guard band between them. Tiles overlap inside their block only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

SPLITS = ("train", "val", "held_out")
SLIDE_SHARES: Mapping[str, float] = {"train": 0.7, "val": 0.3}
"""For a single slide: its right third or so validates."""


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How to cut. All in pixels.

    Attributes:
        size: edge of a tile.
        stride: step between tiles.
        block: wished edge of a block; None takes two and a half tiles along the split and two across.
        guard: width between splits that no tile touches; None takes a quarter of a tile.
    """

    size: int
    stride: int
    block: int | None = None
    guard: int | None = None

    @property
    def guard_width(self) -> int:
        """The guard band, default filled in."""
        return self.size // 4 if self.guard is None else self.guard


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a picture: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Block:
    """A group of tiles: where it lies and, when its place decides it, its split."""

    name: str
    split: str | None
    region: Region


def whole(width: int, height: int) -> list[Block]:
    """One block for a picture that is a group in itself (one slide of many)."""
    return [Block("", None, Region(0, 0, width, height))]


def cut_blocks(width: int, height: int, plan: TilePlan, shares: Mapping[str, float]) -> list[Block]:
    """Cut one slide into bands for its splits along the longer side, and the bands into blocks.

    Train stands left (or on top), validation right of it, then what is held out.

    Args:
        width: of the picture.
        height: of the picture.
        plan: sizes.
        shares: split → share; zero means none.

    Returns:
        The blocks; a single one with split train when the picture is too small for a band each.
    """
    along, across = (width, height) if width >= height else (height, width)
    bands = _bands(along, plan, shares)
    if not bands:
        return [Block("r0c0", "train", Region(0, 0, width, height))]
    wished = plan.block or 2 * plan.size
    rows = list(_spans(0, _lengths(across, max(1, across // max(wished, plan.size)), plan)))
    blocks = []
    columns = [(split, start, length) for split, spans in bands for start, length in spans]
    for column, (split, start, length) in enumerate(columns):
        for row, (top, depth) in enumerate(rows):
            region = (
                Region(start, top, length, depth) if width >= height else Region(top, start, depth, length)
            )
            blocks.append(Block(f"r{row}c{column}", split, region))
    return blocks


def tiles_of(region: Region, plan: TilePlan) -> Iterator[Region]:
    """All tiles that lie wholly inside a region, row by row."""
    for y in range(region.y, region.y + region.height - plan.size + 1, plan.stride):
        for x in range(region.x, region.x + region.width - plan.size + 1, plan.stride):
            yield Region(x, y, plan.size, plan.size)


def count_independent(tiles: Iterable[Region], size: int) -> int:
    """How many of these tiles of one block can be picked, row by row, without two that share a pixel."""
    picked: dict[tuple[int, int], list[Region]] = {}
    count = 0
    for tile in sorted(tiles, key=lambda tile: (tile.y, tile.x)):
        cell = (tile.x // size, tile.y // size)
        near = [
            other
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for other in picked.get((cell[0] + dx, cell[1] + dy), ())
        ]
        if all(abs(other.x - tile.x) >= size or abs(other.y - tile.y) >= size for other in near):
            picked.setdefault(cell, []).append(tile)
            count += 1
    return count


def _bands(
    length: int, plan: TilePlan, shares: Mapping[str, float]
) -> list[tuple[str, list[tuple[int, int]]]]:
    """Split → (start, length) of its columns of blocks; empty when they do not all fit."""
    active = [split for split in SPLITS if shares.get(split, 0) > 0]
    room = length - plan.guard_width * (len(active) - 1)
    if room < len(active) * plan.size:
        return []
    total = sum(shares[split] for split in active)
    wished = [shares[split] / total * room for split in active]
    nominal = plan.block or 2.5 * plan.size
    counts = [max(1, round(width / nominal)) for width in wished]
    while sum(counts) * plan.size > room:
        counts[counts.index(max(counts))] -= 1
    # Lengths are whole strides beyond a tile, so that a block's last tile ends at its edge.
    steps = (room - sum(counts) * plan.size) // plan.stride
    targets = [
        max(0.0, (width - count * plan.size) / plan.stride)
        for width, count in zip(wished, counts, strict=True)
    ]
    start, bands = 0, []
    for split, count, extra in zip(active, counts, _apportion(steps, targets), strict=True):
        lengths = _even(count, extra, plan)
        bands.append((split, list(_spans(start, lengths))))
        start += sum(lengths) + plan.guard_width
    return bands


def _lengths(length: int, count: int, plan: TilePlan) -> list[int]:
    return _even(count, (length - count * plan.size) // plan.stride, plan)


def _even(count: int, steps: int, plan: TilePlan) -> list[int]:
    """`count` lengths of one tile plus their part of `steps` strides, the longer ones first."""
    each, more = divmod(steps, count)
    return [plan.size + plan.stride * (each + (index < more)) for index in range(count)]


def _spans(start: int, lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    for length in lengths:
        yield start, length
        start += length


def _apportion(total: int, targets: Sequence[float]) -> list[int]:
    """Whole numbers that add up to `total`, near the targets: largest remainders first."""
    scale = total / sum(targets) if sum(targets) > 0 else 0.0
    exact = [target * scale for target in targets]
    parts = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
