"""Uploads built in code: honest ones and hostile ones."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from generation.child import Reporter
from generation.ingest.limits import Limits
from generation.ingest.picture import Picture
from generation.ingest.readers import Reading, read_upload
from generation.ingest.rejection import Refusal
from generation.ingest.run import ingest

REPOSITORY = Path(__file__).resolve().parents[3]
SC_IMAGE = "1.2.840.10008.5.1.4.1.1.7"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def texture(seed: int, shape: tuple[int, ...] = (64, 64)) -> Any:
    """A smooth random picture, as tissue is: neighbours resemble each other."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12), dtype=np.uint8))
    large = np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(large + rng.integers(-20, 21, shape[:2]), 0, 255).astype(np.uint8)
    if len(shape) == 2:
        return noisy
    return np.stack([noisy, 255 - noisy, noisy // 2], axis=2)


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def png_bomb(side: int = 13_000) -> bytes:
    """A tiny PNG that says, truthfully, that it has side × side grey pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zipped(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        warnings.simplefilter("ignore")  # the same name twice is what some tests want
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def dicom_header(**tags: Any) -> Dataset:
    """A plain CT slice's header with what the caller adds."""
    data = Dataset()
    data.SOPClassUID = CT_IMAGE
    data.SOPInstanceUID = "2.25.1"
    data.Modality = "CT"
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows = data.Columns = 64
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    data.PixelRepresentation = 0
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def dicom(pixels: np.ndarray | bytes, *, syntax: UID = ExplicitVRLittleEndian, **tags: Any) -> bytes:
    """A DICOM file around raw pixels."""
    return dicom_file(dicom_header(**tags), pixels, syntax)


def dicom_file(
    data: Dataset, pixels: np.ndarray | bytes | None, syntax: UID = ExplicitVRLittleEndian
) -> bytes:
    if isinstance(pixels, np.ndarray):
        data.Rows, data.Columns = pixels.shape[-2:] if data.SamplesPerPixel == 1 else pixels.shape[-3:-1]
        pixels = pixels.tobytes()
    if pixels is not None:
        data.PixelData = pixels
        data["PixelData"].VR = "OB" if syntax.is_compressed else "OW"
        data["PixelData"].is_undefined_length = syntax.is_encapsulated
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    buffer = io.BytesIO()
    file = FileDataset(io.BytesIO(), data, file_meta=meta, preamble=bytes(128))
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicom_nested(depth: int, *, defined: bool) -> bytes:
    """A DICOM file whose header holds sequences nested this deep."""
    tag, item = b"\x08\x00\x40\x11", b"\xfe\xff\x00\xe0"
    if defined:
        body = b""
        for _ in range(depth):
            inner = item + struct.pack("<I", len(body)) + body
            body = tag + b"SQ\0\0" + struct.pack("<I", len(inner)) + inner
    else:
        endless = b"\xff\xff\xff\xff"
        opened = (tag + b"SQ\0\0" + endless + item + endless) * depth
        body = opened + (b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0") * depth
    whole = dicom(texture(1).astype(np.uint16))
    at = whole.index(b"\x08\x00\x60\x00CS")  # Modality: the sequence goes after it
    return whole[: at + 10] + body + whole[at + 10 :]


def stage(folder: Path, uploads: Sequence[bytes]) -> list[dict[str, Any]]:
    """Write uploads under server-made names."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, data in enumerate(uploads, start=1):
        path = folder / str(number)
        path.write_bytes(data)
        files.append({"ordinal": number, "path": str(path)})
    return files


def read(folder: Path, data: bytes, **how: Any) -> list[Any]:
    """What the readers make of one upload."""
    path = folder / "upload"
    path.write_bytes(data)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    limits = how.pop("limits", Limits())
    return list(read_upload(path, "1", Reading(limits, scratch, **how)))


def codes(entries: Iterable[Picture | Refusal]) -> list[str]:
    """Refusal codes, `ok` for a picture."""
    return [entry.code if isinstance(entry, Refusal) else "ok" for entry in entries]


@dataclass
class Outcome:
    """What an ingest left behind."""

    work: Path
    result: dict[str, Any]
    stdout: str = ""
    stderr: str = ""
    status: int = 0
    peak_mib: float = 0.0

    @property
    def accepted(self) -> list[dict[str, Any]]:
        return _lines(self.work / "accepted.jsonl")

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return _lines(self.work / "rejected.jsonl")

    @property
    def codes(self) -> dict[str, str]:
        return {row["ordinal"]: row["code"] for row in self.rejected}

    def pixels(self, row: Mapping[str, Any]) -> np.ndarray:
        with Image.open(self.work / row["file"]) as image:
            return np.asarray(image)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ingest_here(
    folder: Path, uploads: Sequence[bytes], options: Mapping[str, Any] | None = None, **spec: Any
) -> Outcome:
    """Run an ingest in this process."""
    work = folder / "work"
    whole = {
        "work": str(work),
        "files": stage(folder / "up", uploads),
        "options": dict(options or {}),
        **spec,
    }
    said: list[str] = []
    return Outcome(work, ingest(whole, Reporter(said.append)), "".join(said))


def ingest_in_child(
    folder: Path, uploads: Sequence[bytes], options: Mapping[str, Any] | None = None, **spec: Any
) -> Outcome:
    """Run an ingest as the worker does, and measure it."""
    work = folder / "work"
    whole = {
        "work": str(work),
        "files": stage(folder / "up", uploads),
        "options": dict(options or {}),
        **spec,
    }
    (folder / "spec.json").write_text(json.dumps(whole))
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(folder / "peak"), "ingest", str(folder / "spec.json")],
        cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    messages = [json.loads(line) for line in ran.stdout.splitlines()]
    peak = re.search(r"VmHWM:\s*(\d+) kB", (folder / "peak").read_text())
    result = messages[-1] if messages else {}
    return Outcome(work, result, ran.stdout, ran.stderr, ran.returncode, int(peak[1]) / 1024 if peak else 0.0)


# `python -m generation.ingest …` that leaves its high-water mark behind. What the kernel tells the parent
# (ru_maxrss) would count the parent's own memory at the fork.
_MEASURED = """
import atexit, runpy, sys
peak = sys.argv.pop(1)
atexit.register(lambda: open(peak, "w").write(open("/proc/self/status").read()))
runpy.run_module("generation.ingest", run_name="__main__", alter_sys=True)
"""
