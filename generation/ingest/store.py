"""The work folder: images and thumbnails by digest, lists as JSON lines, a scratch folder that goes away."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generation.ingest import normalise
from generation.ingest.picture import Pixels


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A written PNG and its thumbnail, by names relative to the work folder."""

    file: str
    digest: str
    size: int
    thumb: str


class WorkFolder:
    """Writes below one folder, under names of its own making only.

    Args:
        root: the attempt's folder; made where it is missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scratch = root / "scratch"
        for folder in (root / "images", root / "thumbs", self.scratch):
            folder.mkdir(parents=True, exist_ok=True)

    def put_image(self, pixels: Pixels) -> StoredImage:
        """Encode and write an image and its thumbnail."""
        data = normalise.encode_png(pixels)
        digest = hashlib.sha256(data).hexdigest()
        file = f"images/{digest}.png"
        (self.root / file).write_bytes(data)
        return StoredImage(file, digest, len(data), self.put_thumbnail(pixels))

    def put_full(self, pixels: Pixels) -> str:
        """Encode and write a picture in its full size, for a person to look at."""
        data = normalise.encode_png(pixels)
        name = f"images/{hashlib.sha256(data).hexdigest()}.png"
        (self.root / name).write_bytes(data)
        return name

    def put_thumbnail(self, pixels: Pixels) -> str:
        """Encode and write a thumbnail; its name is its digest."""
        data = normalise.encode_thumbnail(pixels)
        name = f"thumbs/{hashlib.sha256(data).hexdigest()}.png"
        (self.root / name).write_bytes(data)
        return name

    def remove_image(self, file: str) -> None:
        """Take an image back; its thumbnail stays for the list of rejections."""
        (self.root / file).unlink(missing_ok=True)

    def spool(self, number: int, pixels: Pixels) -> Path:
        """Keep decoded pixels on disk until all pictures of the upload are known."""
        path = self.scratch / f"picture-{number}.npy"
        np.save(path, pixels, allow_pickle=False)
        return path

    def write_lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
        """Write one JSON object a line."""
        path = self.root / name
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, sort_keys=True, allow_nan=False) + "\n" for row in rows)
        return path

    def close(self) -> None:
        """Remove what was only needed on the way."""
        shutil.rmtree(self.scratch, ignore_errors=True)
