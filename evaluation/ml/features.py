"""Feature rows on disk, found again by what they are features of.

A row is keyed by (pixel digest, extractor digest, preprocessing digest): renamed, re-encoded or re-listed images
find their rows again, changed ones do not. Rows lie in immutable shards, ``NAME.npy`` (float32) with ``NAME.json``
beside it; the index is written last, so a shard without one does not exist. Shards are named by their content,
so two processes that compute the same rows cannot harm each other. Rows of withdrawn pictures go: see `forgetting`.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.ml.extractors import Extractor
from evaluation.ml.forgetting import is_forgotten, locked
from evaluation.ml.images import ImageRef, decode, decoded_batches
from evaluation.ml.shards import write_shard
from evaluation.ml.symmetry import pixel_digest
from generation.child import BadInput, Reporter

FORMAT = 1
# Images between two durable shards: at 30 images a second a killed evaluation loses at most some seconds.
SHARD_ROWS = 256


@dataclass(frozen=True)
class _Place:
    shard: Path
    row: int
    crc32: int


class FeatureStore:
    """The rows of one extractor and preprocessing below `root`."""

    def __init__(self, root: Path, extractor: Extractor) -> None:
        self._root = root
        self._dimension = extractor.dimension
        self._key = {"extractor": extractor.digest, "preprocessing": extractor.preprocessing.digest}
        self.folder = root / f"{extractor.name}-{extractor.digest[:16]}-{extractor.preprocessing.digest[:16]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def load(self, digests: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """Find rows; those not stored, or damaged, are simply not in the answer."""
        places = self._places()
        wanted = {digest: places[digest] for digest in digests if digest in places}
        opened: dict[Path, npt.NDArray[np.float32] | None] = {}
        rows: dict[str, npt.NDArray[np.float32]] = {}
        for digest, place in wanted.items():
            if place.shard not in opened:
                opened[place.shard] = self._open(place.shard)
            shard = opened[place.shard]
            if shard is None or place.row >= len(shard):
                continue
            row = np.array(shard[place.row])
            if zlib.crc32(row.tobytes()) == place.crc32:
                rows[digest] = row
        return rows

    def add(self, digests: Sequence[str], rows: npt.NDArray[np.float32]) -> None:
        """Store rows durably; those of pictures that were withdrawn meanwhile are left out."""
        with locked(self._root):
            kept = [place for place, digest in enumerate(digests) if not is_forgotten(self._root, digest)]
            if not kept:
                return
            rows = np.ascontiguousarray(rows[kept], dtype="<f4")
            index = {
                "format": FORMAT,
                **self._key,
                "dimension": self._dimension,
                "rows": [
                    [digests[place], zlib.crc32(row.tobytes())] for place, row in zip(kept, rows, strict=True)
                ],
            }
            write_shard(self.folder, index, rows)

    def known(self) -> set[bytes]:
        """Pixel digests (binary, half the memory) of the pictures whose rows lie here."""
        return {bytes.fromhex(digest) for digest in self._places()}

    def _places(self) -> dict[str, _Place]:
        places: dict[str, _Place] = {}
        for index_path in sorted(
            self.folder.glob("*.json"), reverse=True
        ):  # the first name wins, always the same
            # A damaged index costs a forward pass, never a wrong row.
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                index = json.loads(index_path.read_bytes())
                if index["format"] != FORMAT or any(
                    index[name] != value for name, value in self._key.items()
                ):
                    continue
                shard = index_path.with_suffix(".npy")
                places.update(
                    (str(digest), _Place(shard, row, int(crc)))
                    for row, (digest, crc) in enumerate(index["rows"])
                )
        return places

    def _open(self, path: Path) -> npt.NDArray[np.float32] | None:
        try:
            shard = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        fits = shard.ndim == 2 and shard.shape[1] == self._dimension and shard.dtype == np.dtype("<f4")
        return shard if fits else None


class Stopped(Exception):
    """The parent asked for a clean finish; all finished shards are stored."""


def feature_rows(
    store: FeatureStore,
    extractor: Extractor,
    pictures: Sequence[tuple[str, ImageRef]],
    reporter: Reporter,
) -> dict[str, npt.NDArray[np.float32]]:
    """Rows of all pictures, by pixel digest: stored ones are read, only the others are computed.

    Args:
        store: where rows lie.
        extractor: computes what is missing.
        pictures: (pixel digest, where to decode it from).
        reporter: told of progress; a cursor is sent after each durable shard.

    Raises:
        BadInput: an extractor gave a value that is not finite.
        Stopped: the parent asked for a clean finish.
    """
    sources = dict(pictures)
    rows = store.load(list(sources))
    missing = sorted(set(sources) - set(rows))
    done = len(rows)
    reporter.progress("features", done, len(sources), computed=0)
    for start in range(0, len(missing), SHARD_ROWS):
        if reporter.should_stop:
            raise Stopped
        digests = missing[start : start + SHARD_ROWS]
        computed = _compute(extractor, [sources[digest] for digest in digests], reporter, done, len(sources))
        store.add(digests, computed)
        rows.update(zip(digests, computed, strict=True))
        done += len(digests)
        reporter.cursor({"phase": "features", "done": done})
    refuse_not_finite(np.stack(list(rows.values())), "stored")
    return rows


def store_features(
    store: FeatureStore, extractor: Extractor, refs: Sequence[ImageRef], reporter: Reporter
) -> int:
    """Store the rows that are missing, reading each picture once; memory does not grow with how many there are.

    Returns:
        How many rows were computed.

    Raises:
        BadInput: unreadable pictures or mixed sizes, or an extractor gave a value that is not finite.
        Stopped: the parent asked for a clean finish.
    """
    known, computed, size = store.known(), 0, None
    for start in range(0, len(refs), SHARD_ROWS):
        if reporter.should_stop:
            raise Stopped
        fresh: dict[str, npt.NDArray[np.uint8]] = {}
        for ref in refs[start : start + SHARD_ROWS]:
            image, _ = decode(ref)
            size = size or image.shape
            if image.shape != size:
                raise BadInput("mixed_sizes", f"image {ref.id} has another size than those before it")
            digest = pixel_digest(image)
            if bytes.fromhex(digest) not in known:
                fresh[digest] = image
        if fresh:
            rows = extractor.features(np.stack(list(fresh.values())))
            refuse_not_finite(rows, "computed")
            store.add(list(fresh), rows)
        known.update(map(bytes.fromhex, fresh))
        computed += len(fresh)
        done = min(start + SHARD_ROWS, len(refs))
        reporter.progress("features", done, len(refs), computed=computed)
        reporter.cursor({"phase": "features", "done": done})
    return computed


def _compute(
    extractor: Extractor,
    refs: Sequence[ImageRef],
    reporter: Reporter,
    done: int,
    total: int,
) -> npt.NDArray[np.float32]:
    parts = []
    for batch in decoded_batches(refs, 32):
        parts.append(extractor.features(batch))
        refuse_not_finite(parts[-1], "computed")
        done += len(batch)
        reporter.progress("features", done, total)
    return np.concatenate(parts)


def refuse_not_finite(rows: npt.NDArray[np.float32], what: str) -> None:
    """Stop where a feature is NaN or infinite: no number may be made of it.

    Raises:
        BadInput: with how many rows are touched.
    """
    bad = int((~np.isfinite(rows)).any(axis=1).sum())
    if bad:
        raise BadInput(
            "features_not_finite", f"{bad} of {len(rows)} {what} feature rows hold NaN or infinity"
        )
