"""The approved data set: previewed, frozen, and looked at."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from synthlab.client.records import Json, Snapshot, id_of
from synthlab.client.rest import Rest


class SnapshotCalls(Rest):
    """What managers of a study ask; signing asks for a password and is done on the page."""

    def preview_snapshot(
        self,
        *,
        study: str | uuid.UUID,
        filters: Mapping[str, Any] | None = None,
        splits: Mapping[str, Any] | None = None,
    ) -> Json:
        """What a snapshot taken now would hold, and what it would leave out and why; changes nothing.

        Args:
            study: Its id.
            filters: Such as `{"classes": ["gland"], "agreement": ["agreed"]}`.
            splits: Such as `{"seed": 1, "shares": {"train": 0.8, "test": 0.2}}`.

        Raises:
            Problem: Refused: `filter_unknown`, `splits_unknown` …
        """
        return self.post("snapshots/preview", _wish(study, filters, splits))

    def freeze(
        self,
        *,
        study: str | uuid.UUID,
        name: str,
        filters: Mapping[str, Any] | None = None,
        splits: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Snapshot:
        """Take a snapshot; its measurement is queued with it.

        Args:
            study: Its id.
            name: What people call it.
            filters: As `preview_snapshot` takes them.
            splits: As `preview_snapshot` takes them.
            key: As `Client.request_batch` takes it.

        Raises:
            Problem: Refused: `no_accepted_images`, `split_empty` …
        """
        wish = {"name": name, **_wish(study, filters, splits)}
        return Snapshot.from_json(self.post("snapshots", wish, key=key))

    def snapshot(self, snapshot: str | uuid.UUID) -> Snapshot:
        """A snapshot as it stands: whether it is signed, and whether a withdrawal holds it."""
        return Snapshot.from_json(self.get(f"snapshots/{id_of(snapshot)}"))

    def snapshots(self, **filters: Any) -> Iterator[Snapshot]:
        """The snapshots that you may see, newest first; `study` filters."""
        return (Snapshot.from_json(row) for row in self.pages("snapshots", **filters))


def _wish(
    study: str | uuid.UUID, filters: Mapping[str, Any] | None, splits: Mapping[str, Any] | None
) -> dict[str, Any]:
    wish: dict[str, Any] = {"study": id_of(study), "filters": dict(filters or {})}
    return wish if splits is None else {**wish, "splits": dict(splits)}
