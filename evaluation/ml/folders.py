"""Plain folders of pictures as the sets of an evaluation: no database, no upload, nothing kept."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.child import BadInput

LOSSY = frozenset({".jpg", ".jpeg", ".webp"})
SUFFIXES = LOSSY | {".png", ".tif", ".tiff", ".bmp"}
Row = dict[str, Any]

NO_GROUPS = (
    "No groups were given, so every real image counts as a patient of its own. Where several show the same patient or slide, "
    "intervals are too narrow and too many images are called copies: name the groups with --groups."
)
NO_TRAINING = (
    "No training images were given: half of the real ones stood in for them. What was copied from images that are in "
    "neither half cannot be seen, and nothing can be said about who was trained on."
)
COMPRESSED = (
    "Some images are stored as JPEG or WebP. Such compression alone moves distances: only images that were stored alike "
    "from the camera or the generator on compare."
)


@dataclass(frozen=True)
class Folders:
    """The three sets as the evaluation takes them, and what was assumed, in words."""

    synthetic: list[Row]
    reference: list[Row]
    training: list[Row]
    assumed: tuple[str, ...]


def read_folders(
    real: Path, synthetic: Path, *, training: Path | None = None, groups: Path | None = None
) -> Folders:
    """List the pictures of plain folders; a sub-folder is the class of what is in it.

    Args:
        real: pictures that no generator was trained on; without `training` half of their groups stand in for it.
        synthetic: what is measured.
        training: what the generator was trained on.
        groups: a CSV with the columns ``file`` and ``group``; files relative to `real` and `training`, with the
            folder's own name in front where both hold a file of that name.

    Raises:
        BadInput: a folder is missing or holds no picture, or the CSV leaves a real picture out.
    """
    named = read_groups(groups) if groups else None
    reference, made = _grouped(_listed(real, "real"), real.name, named), _listed(synthetic, "synthetic")
    if training is None:
        reference, taught = _halves(reference)
    else:
        taught = _grouped(_listed(training, "training"), training.name, named)
    lossy = any(Path(row["id"]).suffix.lower() in LOSSY for rows in (made, reference, taught) for row in rows)
    assumed = ((named is None, NO_GROUPS), (training is None, NO_TRAINING), (lossy, COMPRESSED))
    return Folders(made, reference, taught, tuple(text for is_so, text in assumed if is_so))


def read_groups(path: Path) -> dict[str, str]:
    """Which patient, slide or block each file belongs to.

    Raises:
        BadInput: no such file, or other columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", "group"} <= set(reader.fieldnames or ()):
                raise BadInput("bad_groups", "the table of groups needs the columns file and group")
            return {
                Path(row["file"]).as_posix(): row["group"] for row in reader if row["file"] and row["group"]
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput("bad_groups", f"the table of groups cannot be read: {error}") from error


def _listed(folder: Path, name: str) -> list[Row]:
    if not folder.is_dir():
        raise BadInput("no_such_folder", f"the {name} folder {folder} does not exist")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise BadInput("empty_set", f"the {name} folder {folder} holds no image")
    return [_row(path, path.relative_to(folder)) for path in files]


def _row(path: Path, inside: Path) -> Row:
    return {
        "id": inside.as_posix(),
        "path": str(path.resolve()),
        "class": inside.parts[0] if len(inside.parts) > 1 else "",
    }


def _grouped(rows: list[Row], folder: str, named: Mapping[str, str] | None) -> list[Row]:
    if named is None:
        return [{**row, "group": f"{folder}/{row['id']}"} for row in rows]
    found = [named.get(f"{folder}/{row['id']}", named.get(row["id"], "")) for row in rows]
    if lacking := [row["id"] for row, group in zip(rows, found, strict=True) if not group]:
        raise BadInput(
            "missing_group",
            f"the table of groups leaves out {len(lacking)} of {len(rows)} images of {folder}, the first of them "
            f"{lacking[0]}",
        )
    return [{**row, "group": group} for row, group in zip(rows, found, strict=True)]


def _halves(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Reference and stand-in for the training set: whole groups, in an order that no name decides."""
    groups = sorted({row["group"] for row in rows}, key=lambda group: hashlib.sha256(group.encode()).digest())
    taught = set(groups[: len(groups) // 2])
    return [row for row in rows if row["group"] not in taught], [
        row for row in rows if row["group"] in taught
    ]
