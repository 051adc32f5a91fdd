"""Groups that near duplicates hold together, and the splits that must not be joined by them."""

from __future__ import annotations

from collections.abc import Mapping


class Ties:
    """Joins groups as long as no two of them are fixed to different splits.

    Args:
        fixed: group → split, of groups that are in the data set already or whose place decides.
    """

    def __init__(self, fixed: Mapping[str, str]) -> None:
        self._root: dict[str, str] = {}
        self._split: dict[str, str] = dict(fixed)

    def tie(self, one: str, other: str) -> bool:
        """Hold two groups together; False, and nothing done, where their splits differ for good."""
        first, second = self._find(one), self._find(other)
        if first == second:
            return True
        splits = {self._split[root] for root in (first, second) if root in self._split}
        if len(splits) > 1:
            return False
        self._root[second] = first
        if splits:
            self._split[first] = splits.pop()
        return True

    def _find(self, group: str) -> str:
        while (parent := self._root.get(group, group)) != group:
            group = parent
        return group
