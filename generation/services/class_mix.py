"""How many images of each class a batch has, and which index is of which class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from synthlab.core.exceptions import InvalidInput


def class_counts(keys: Sequence[str], count: int, mix: Mapping[str, float] | None) -> dict[str, int]:
    """Counts per class, from counts or shares; the largest remainders get what rounding left over.

    Args:
        keys: The generator's classes, in its order; none for a generator without classes.
        count: How many images.
        mix: Class → count or share; an even mix where nothing is given.

    Raises:
        InvalidInput: `unknown_class` or `bad_class_mix`.
    """
    if not keys:
        if mix:
            raise InvalidInput("unknown_class", "class_mix: this generator has no classes.")
        return {}
    shares = mix or dict.fromkeys(keys, 1 / len(keys))
    if unknown := sorted(set(shares) - set(keys)):
        raise InvalidInput(
            "unknown_class",
            f"class_mix: unknown {', '.join(unknown)}; this generator knows {', '.join(keys)}.",
        )
    if any(not 0 <= value < math.inf for value in shares.values()):
        raise InvalidInput("bad_class_mix", "class_mix: counts or shares are numbers of at least 0.")
    total = sum(shares.values())
    if all(float(value).is_integer() for value in shares.values()) and total == count:
        return {key: int(shares.get(key, 0)) for key in keys}
    if abs(total - 1) > 1e-6:
        raise InvalidInput(
            "bad_class_mix", f"class_mix: counts must sum to {count}, or shares to 1 (they sum to {total:g})."
        )
    exact = {key: count * shares.get(key, 0) for key in keys}
    counts = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(keys, key=lambda key: (counts[key] - exact[key], keys.index(key)))
    for key in by_remainder[: count - sum(counts.values())]:
        counts[key] += 1
    return counts


def planned_images(
    keys: Sequence[str], counts: Mapping[str, int], first: int, stop: int
) -> list[dict[str, Any]]:
    """The images from index `first` up to before `stop`: `{"index", "class"}`, the class as its place among `keys`.

    Classes follow each other in the generator's order, so an index means the same image whatever the shards are.

    Args:
        keys: The generator's classes, in its order.
        counts: Images by class, as `class_counts` gives them.
        first: The first index.
        stop: One after the last.
    """
    if not counts:
        return [{"index": index, "class": None} for index in range(first, stop)]
    planned, begin = [], 0
    for place, key in enumerate(keys):
        end = begin + counts.get(key, 0)
        indices = range(max(begin, first), min(end, stop))
        planned += [{"index": index, "class": place} for index in indices]
        begin = end
    return planned
