"""What is worked out once for a subject, its classes, and what is left of it after discards.

Inner products of feature rows, of which distances and kernels of any draw are parts, and results that hang on the real
pictures alone. Neither changes a number: both are what would be computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Side = Literal["reference", "training", "synthetic"]
T = TypeVar("T")
# Products of larger sets are taken for the rows asked for, each time: these are 128 MiB.
MAX_CELLS = 1 << 24


class Products:
    """Inner products between feature rows of the three sets; a part of the sets reads them off the whole's."""

    def __init__(self, rows: Mapping[Side, Rows]) -> None:
        """Rows are ``(n, d)`` on each side."""
        self._rows = dict(rows)
        self._places = {side: np.arange(len(found)) for side, found in rows.items()}
        self._blocks: dict[tuple[Side, Side], Rows] = {}
        self._squares: dict[Side, Rows] = {}

    def only(self, places: Mapping[Side, Index]) -> Products:
        """Those of some rows of some sides."""
        part = Products({})
        part._rows, part._blocks, part._squares = self._rows, self._blocks, self._squares
        part._places = self._places | {side: self._places[side][rows] for side, rows in places.items()}
        return part

    def of(self, side: Side, rows: Index, other: Side, columns: Index) -> Rows:
        """``(n, m)`` inner products of these rows of one side and those of another."""
        first, second = self._places[side][rows], self._places[other][columns]
        x, y = self._rows[side], self._rows[other]
        if len(x) * len(y) > MAX_CELLS:
            return np.asarray(x[first] @ y[second].T)
        if (side, other) not in self._blocks:
            self._blocks[side, other] = x @ y.T
        return self._blocks[side, other][np.ix_(first, second)]

    def squared_distances(self, side: Side, rows: Index, other: Side, columns: Index) -> Rows:
        """``(n, m)`` squared Euclidean distances likewise, rounding below zero cut off."""
        products = self.of(side, rows, other, columns)
        products *= -2.0
        products += self._lengths(side, rows)[:, None]
        products += self._lengths(other, columns)[None, :]
        return np.maximum(products, 0.0, out=products)

    def _lengths(self, side: Side, rows: Index) -> Rows:
        if side not in self._squares:
            self._squares[side] = np.square(self._rows[side]).sum(axis=1)
        return self._squares[side][self._places[side][rows]]


class RealSide:
    """Results that hang on the real pictures alone, by what they are."""

    def __init__(self) -> None:
        """Nothing is known at first."""
        self._known: dict[str, Any] = {}
        self._classes: dict[str, RealSide] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is known under a key; made where it is not."""
        name = hashlib.sha256(repr(key).encode()).hexdigest()
        if name not in self._known:
            self._known[name] = make()
        return cast(T, self._known[name])

    def of_class(self, key: str) -> RealSide:
        """That of one class's pictures."""
        return self._classes.setdefault(key, RealSide())

    def __len__(self) -> int:
        """How much is known, of all classes together."""
        return len(self._known) + sum(map(len, self._classes.values()))

    def as_dict(self) -> dict[str, Any]:
        """All that is known, for `learn`."""
        return {"known": self._known, "classes": {key: one.as_dict() for key, one in self._classes.items()}}

    def learn(self, told: Mapping[str, Any]) -> None:
        """Know what another one of the same pictures knew."""
        self._known |= told["known"]
        for key, known in told["classes"].items():
            self.of_class(key).learn(known)
