"""Feature rows of withdrawn pictures: removed, and never stored again by a process that had read them before.

A store may be read, and added to, by other processes at any time:

- shards are immutable, so the rows to keep are written as a new shard before the old one goes; a reader sees the old, the
  new, or both, and in the worst case computes a row again;
- a marker for each forgotten digest is put down first, and `FeatureStore.add` looks for it under the same lock, so a child
  that decoded the picture a moment ago cannot bring its features back.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.ml.images import ImageRef, decode
from evaluation.ml.shards import write_shard
from evaluation.ml.symmetry import pixel_digest
from generation.child import BadInput

_MARKERS = "forgotten"
# Below a store's root: what was worked out about real pictures; see `earlier`.
KNOWN = "known"
_LOCK = ".lock"


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the store's lock: one process at a time adds rows or forgets some."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_forgotten(root: Path, digest: str) -> bool:
    """Whether the pixels of this digest must never be stored again."""
    return (root / _MARKERS / digest).exists()


def forget_files(root: Path, files: Sequence[Path]) -> int:
    """Remove the feature rows of these pictures from all stores below `root`, for good.

    Args:
        root: where the stores of all extractors lie.
        files: pictures as they are stored. One that cannot be decoded never had features.

    Returns:
        How many rows were removed.
    """
    digests = []
    for file in files:
        with contextlib.suppress(BadInput):
            digests.append(pixel_digest(decode(ImageRef(id="withdrawn", path=file, group=""))[0]))
    return forget(root, digests)


def forget(root: Path, digests: Collection[str]) -> int:
    """Remove the rows of these pixel digests from all stores below `root`, for good; returns how many went."""
    if not digests:
        return 0
    with locked(root):
        markers = root / _MARKERS
        markers.mkdir(exist_ok=True)
        for digest in digests:
            (markers / digest).touch()
        gone = set(digests)
        removed = sum(_rewrite(index, gone) for index in sorted(root.glob("*/*.json")))
        shutil.rmtree(root / KNOWN, ignore_errors=True)
        _remove_unfinished(root)
    return removed


def _remove_unfinished(root: Path) -> None:
    """What a killed writer left: rows without an index, of which nobody can say what they are rows of."""
    for path in [*root.glob("*/.new-*"), *root.glob("*/*.npy")]:
        if path.name.startswith(".new-") or not path.with_suffix(".json").exists():
            path.unlink(missing_ok=True)


def forgotten_rows(root: Path) -> set[str]:
    """Pixel digests that are to be forgotten and of which a store below `root` has a row all the same."""
    gone = {marker.name for marker in (root / _MARKERS).glob("*")}
    found = set()
    for index_path in root.glob("*/*.json") if gone else ():
        found |= gone & {row[0] for row in _read(index_path).get("rows", [])}
    return found


def _read(index_path: Path) -> dict[str, Any]:
    try:
        index = json.loads(index_path.read_bytes())
        if isinstance(index, dict) and all(isinstance(row[0], str) for row in index["rows"]):
            return index
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        pass
    return {}


def _rewrite(index_path: Path, gone: set[str]) -> int:
    """Replace one shard by what is left of it; one that cannot be read goes whole, since nobody can say what it holds."""
    index = _read(index_path)
    keep = [place for place, row in enumerate(index.get("rows", [])) if row[0] not in gone]
    removed = len(index.get("rows", [])) - len(keep)
    if index and not removed:
        return 0
    shard = index_path.with_suffix(".npy")
    with contextlib.suppress(OSError, ValueError, EOFError, IndexError):
        if keep:
            rows = np.load(shard, allow_pickle=False)
            write_shard(
                index_path.parent, {**index, "rows": [index["rows"][place] for place in keep]}, rows[keep]
            )
    index_path.unlink(missing_ok=True)
    shard.unlink(missing_ok=True)
    return removed
