"""The frozen image sets that training contenders learn from and are judged by, made by the ordinary ingest."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

from bench.harness import ROOT
from generation.pretrained.__main__ import INGEST_OPTIONS, run_verb, save_photograph

CELLS = ROOT.parent / "shared" / "data" / "bccd"
PHOTOGRAPHS = 100  # about 1,300 cells: as many as a lab with a rare disease has, not as many as there are
CELL_OPTIONS: dict[str, Any] = {"crop": {}, "image_size": 64, "channels": "rgb", "split": {"seed": 0}}


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Training and validation images as the verbs take them, and the manifest that a training reads."""

    name: str
    manifest: Path
    training: Sequence[dict[str, Any]]
    validation: Sequence[dict[str, Any]]


def tissue(folder: Path) -> ImageSet:
    """scikit-image's colon photograph in 64 px tiles, whole blocks on one side of the split."""
    folder.mkdir(parents=True, exist_ok=True)
    photograph = folder / "photograph.png"
    if not photograph.exists():
        save_photograph(photograph)
    return _ingested("ihc", folder, photograph, INGEST_OPTIONS)


def cells(folder: Path) -> ImageSet | None:
    """Blood cells cut out of photographs, whole photographs on one side; None where the pictures are not at hand."""
    if not (CELLS / "JPEGImages").is_dir():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    upload = folder / "cells.zip"
    with ZipFile(upload, "w", ZIP_STORED) as archive:
        for picture in sorted((CELLS / "JPEGImages").iterdir())[:PHOTOGRAPHS]:
            boxes = CELLS / "Annotations" / f"{picture.stem}.xml"
            archive.write(picture, picture.name)
            archive.write(boxes, boxes.name)
    return _ingested("bccd", folder, upload, CELL_OPTIONS)


def _ingested(name: str, folder: Path, upload: Path, options: dict[str, Any]) -> ImageSet:
    work = folder / "ingest"
    listing = work / "accepted.jsonl"
    if not listing.exists():
        spec = {"files": [{"ordinal": "0", "path": str(upload)}], "options": options}
        run_verb("generation.ingest", "ingest", work, spec)
    rows = [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines()]
    parts = {
        split: [_entry(work, row) for row in sorted(rows, key=_by_digest) if row["split"] == split]
        for split in ("train", "val")
    }
    manifest = folder / "manifest.json"
    manifest.write_text(
        json.dumps({"digest": name, "images": parts["train"], "monitor": []}), encoding="utf-8"
    )
    return ImageSet(name=name, manifest=manifest, training=parts["train"], validation=parts["val"])


def _by_digest(row: dict[str, Any]) -> str:
    return str(row["digest"])


def _entry(work: Path, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["digest"],
        "path": str(work / row["file"]),
        "digest": row["digest"],
        "group": row["group_key"],
        "class": None,
    }
