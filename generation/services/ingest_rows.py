"""Rows for what the ingest child reports: groups, images, refusals, and the pictures that wait with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.ingest.candidate import MOST_ALIKE
from generation.ingest.rejection import DETAILS
from generation.models import Dataset, Group, Ingest, Rejection, SourceImage
from synthlab.core.files import StoredFile, store_files

Row = dict[str, Any]

_CHUNK = 500
# What is asked of a candidate when it is taken in; its files are named by columns of their own.
_KEPT = (
    "pixel_digest", "size", "width", "height", "channels", "bits", "class", "group_key", "split", "region", "flags",
    "source", "resembles", "crowded",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """What the child wrote about one upload."""

    accepted: Sequence[Row]
    refused: Sequence[Row]
    alike: Sequence[Row]

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Report:
        """Read the lists that a result names."""
        return cls(*(list(_lines(Path(result[name]))) for name in ("accepted", "rejected", "alike")))

    @property
    def waiting(self) -> int:
        """How many refused pictures a person may take in."""
        return sum(row["candidate"] is not None for row in self.refused)

    def without(self, digests: set[str]) -> Report:
        """The same, but for images that were withdrawn while it was read."""
        gone = [row for row in self.accepted if row["digest"] in digests]
        if not gone:
            return self
        code = "withdrawn_before"
        refused = [
            {
                "ordinal": row["ordinal"],
                "code": code,
                "detail": DETAILS[code],
                "thumb": None,
                "candidate": None,
            }
            for row in gone
        ]
        kept = [row for row in self.accepted if row["digest"] not in digests]
        return Report(kept, [*self.refused, *refused], self.alike)

    def files(self) -> set[str]:
        """Every file that a row will name, relative to the work folder."""
        named = {row[part] for row in self.accepted for part in ("file", "thumb")}
        for row in self.refused:
            kept = row["candidate"] or {}
            named |= {row["thumb"], kept.get("file"), kept.get("full")}
        return {name for name in named if name}


Stored = Mapping[str, StoredFile]


def store_report(work: Path, report: Report) -> Stored:
    """Make every file of a report durable; by its name in the work folder."""
    names = sorted(report.files())
    return dict(zip(names, store_files([work / name for name in names]), strict=True))


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def create_images(ingest: Ingest, report: Report, stored: Stored) -> None:
    """Rows for the accepted images; groups that the data set has already stay on their side."""
    groups = groups_for(ingest.dataset, {row["group_key"]: row["split"] for row in report.accepted})
    SourceImage.objects.bulk_create(
        (
            SourceImage(
                dataset=ingest.dataset,
                group=groups[row["group_key"]],
                ingest=ingest,
                ordinal=row["ordinal"],
                digest=stored[row["file"]].digest,
                pixel_digest=row["pixel_digest"],
                thumbnail_digest=stored[row["thumb"]].digest,
                size=stored[row["file"]].size,
                width=row["width"],
                height=row["height"],
                channels=row["channels"],
                bits=row["bits"],
                class_key=row["class"] or "",
                flags=row["flags"],
                source=row["source"],
            )
            for row in report.accepted
        ),
        batch_size=_CHUNK,
    )


def groups_for(dataset: Dataset, splits: Mapping[str, str]) -> dict[str, Group]:
    """The groups of these keys, the missing ones made with the split that is given."""
    known = {group.key: group for group in dataset.groups.filter(key__in=list(splits))}
    made = Group.objects.bulk_create(
        (Group(dataset=dataset, key=key, split=split) for key, split in splits.items() if key not in known),
        batch_size=_CHUNK,
    )
    return {**known, **{group.key: group for group in made}}


def create_rejections(ingest: Ingest, refused: Iterable[Row], stored: Stored) -> None:
    """Rows for what was not taken, with the files that were kept of it."""
    ingest.rejections.all().delete()  # of an attempt whose end was never heard of
    Rejection.objects.bulk_create((_rejection(ingest, row, stored) for row in refused), batch_size=_CHUNK)


def _rejection(ingest: Ingest, row: Row, stored: Stored) -> Rejection:
    kept = row["candidate"] or {}

    def digest(name: str | None) -> str:
        return stored[name].digest if name else ""

    return Rejection(
        ingest=ingest,
        ordinal=row["ordinal"],
        code=row["code"],
        detail=row["detail"],
        thumbnail_digest=digest(row["thumb"]),
        image_digest=digest(kept.get("file")),
        look_digest=digest(kept.get("full")),
        candidate={name: kept[name] for name in _KEPT} if kept else {},
    )


def note_alike(dataset: Dataset, alike: Sequence[Row]) -> None:
    """Write down what waiting pictures of earlier uploads look like among the new ones."""
    new = {row["digest"]: row["resembles"] for row in alike}
    for rejection in Rejection.objects.kept().filter(ingest__dataset=dataset, image_digest__in=list(new)):
        both = [*rejection.candidate["resembles"], *new[rejection.image_digest]]
        digests = list(dict.fromkeys(both))
        rejection.candidate["resembles"] = digests[:MOST_ALIKE]
        rejection.candidate["crowded"] |= len(digests) > MOST_ALIKE
        rejection.save(update_fields=["candidate"])
