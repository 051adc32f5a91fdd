"""Train, val and test for those who use a snapshot: by family, seeded, in the shares that were asked for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.services.choosing import Candidate
from annotation.splits import NAMES, Member, assign_splits, number
from synthlab.core.exceptions import InvalidInput

_MAX_SEED = 2**53 - 1  # what JSON carries everywhere


@dataclass(frozen=True, slots=True)
class Families:
    """How images of a snapshot are related.

    Attributes:
        numbers: For each image that of its family.
    """

    numbers: list[int]

    @property
    def count(self) -> int:
        """How many families."""
        return len(set(self.numbers))

    @property
    def related_images(self) -> int:
        """Images that share their family with another."""
        return sum(size for size in Counter(self.numbers).values() if size > 1)

    @property
    def largest(self) -> int:
        """Images in the largest family."""
        return max(Counter(self.numbers).values(), default=0)


def families_of(rows: Sequence[Candidate]) -> Families:
    """Families of related images.

    Images of one generator that were made of the same seed stand for the same latent vector, whatever batch they are of
    and however far it was truncated. Vectors of different seeds are drawn independently, so nothing else is near anything
    else; no study holds the same pixels twice.
    """
    return Families(number((row.generator_digest, row.seed) for row in rows))


def check_splits(splits: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What was asked for: `{"seed": 1, "shares": {"train": 0.7, "val": 0.15, "test": 0.15}}`, or nothing.

    Raises:
        InvalidInput: `splits_unknown`: an unknown member, no whole number, or shares that do not add up to 1.
    """
    if splits is None:
        return None
    if unknown := sorted(set(splits) - {"seed", "shares"}):
        raise _refusal(f"splits.{unknown[0]}: Unknown member.")
    seed, shares = splits.get("seed", 0), splits.get("shares")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= _MAX_SEED:
        raise _refusal("splits.seed: Expected a whole number, 0 or more.")
    if not isinstance(shares, Mapping) or not shares or set(shares) - set(NAMES):
        raise _refusal(f"splits.shares: Expected shares of {', '.join(NAMES)}.")
    if not all(_is_share(share) for share in shares.values()) or not math.isclose(
        sum(shares.values()), 1, abs_tol=1e-6
    ):
        raise _refusal("splits.shares: Expected shares from 0 to 1 that add up to 1.")
    return {"seed": seed, "shares": {name: float(shares[name]) for name in NAMES if shares.get(name)}}


def _is_share(share: object) -> bool:
    return isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1


def _refusal(detail: str) -> InvalidInput:
    return InvalidInput("splits_unknown", detail)


def split(rows: Sequence[Candidate], families: Families, splits: Mapping[str, Any] | None) -> list[str]:
    """The split of each image; empty words where none was asked for."""
    if splits is None:
        return [""] * len(rows)
    members = [
        Member(row.digest, "+".join(sorted(row.classes)), family)
        for row, family in zip(rows, families.numbers, strict=True)
    ]
    return assign_splits(members, splits["shares"], splits["seed"])


def describe_splits(
    rows: Sequence[Candidate], families: Families, named: Sequence[str], splits: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """For each split that was asked for how many images and families it has, and of which classes."""
    described = {}
    for name in splits["shares"]:
        own = [place for place, given in enumerate(named) if given == name]
        classes = Counter(key for place in own for key in rows[place].classes)
        described[name] = {
            "images": len(own),
            "families": len({families.numbers[place] for place in own}),
            "classes": dict(sorted(classes.items())),
        }
    return described


def refuse_empty(described: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse splits of which one would hold nothing.

    Raises:
        InvalidInput: `split_empty`.
    """
    for name, row in described.items():
        if not row["images"]:
            raise InvalidInput(
                "split_empty",
                f"splits.shares: There are too few families: {name} would be empty. Take more images, or fewer splits.",
            )
