"""What `bench.export` times, each in a process of its own: `python -m bench.export_runs make|write|tar|tarfile SPEC.json`."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from annotation.export.canonical import digest_bytes
from annotation.export.document import document_parts
from annotation.export.package import write_package
from annotation.export.rows import ClassRow, MemberRow, RegionRow, Release, SchemaRow
from annotation.export.spool import SpooledMembers
from annotation.geometry import Box, Point, Polygon

SCHEMA = SchemaRow(
    "bench", 1, "one", (ClassRow("gland", "Gland", "finding"), ClassRow("normal", "Normal", "normal"))
)


def make(spec: dict[str, Any]) -> dict[str, Any]:
    """Different pictures of noise, named by their digests, and the list of them."""
    folder = Path(spec["images"])
    folder.mkdir(parents=True)
    rng = np.random.Generator(np.random.Philox(7))
    digests = []
    for _ in range(spec["count"]):
        data = _png(rng, spec["side"], spec["channels"])
        digests.append(digest_bytes(data))
        (folder / digests[-1]).write_bytes(data)
    Path(spec["list"]).write_text("\n".join(sorted(digests)))
    return {"bytes": sum((folder / digest).stat().st_size for digest in digests)}


def _png(rng: np.random.Generator, side: int, channels: int) -> bytes:
    """A stored PNG: what matters here is how many bytes it has, not what packed them."""
    row = side * channels
    pixels = rng.integers(0, 256, (side, row), dtype=np.uint8).tobytes()
    lines = b"".join(b"\0" + pixels[start : start + row] for start in range(0, side * row, row))
    header = struct.pack(">IIBBBBB", side, side, 8, 2 if channels == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _members(spec: dict[str, Any]) -> Iterator[MemberRow]:
    """Every second image has a box, a polygon and a point, to a thousandth of a pixel as everywhere."""
    side = float(spec["side"])
    regions = (
        RegionRow("gland", "box", Box(1.5, 2.25, side / 2, round(side / 3, 3))),
        RegionRow(
            "gland",
            "polygon",
            Polygon(tuple((round(side / 2 + x, 3), round(side / 2 + y, 3)) for x, y in _CIRCLE)),
        ),
        RegionRow("gland", "point", Point(3.125, 4.5)),
    )
    with Path(spec["list"]).open() as file:
        for place, line in enumerate(file):
            marked = place % 2 == 0
            yield MemberRow(
                digest=line.strip(),
                width=spec["side"],
                height=spec["side"],
                classes=("gland" if marked else "normal",),
                regions=regions if marked else (),
                site="",
                confidence=3,
                reader="p-0123456789ab",
                reviewers=("p-ba9876543210",),
                recipe={
                    "generator": "a" * 64, "seed": f"{place:016x}", "class": "gland", "index": place, "truncation": 1.0,
                    "dtype": "float32", "encoder": "fpng 0.1",
                },
            )  # fmt: skip


_CIRCLE = tuple((round(5 * np.cos(turn), 3), round(5 * np.sin(turn), 3)) for turn in np.linspace(0, 6, 24))


def write(spec: dict[str, Any]) -> dict[str, Any]:
    """One archive, from rows that come one by one to a file that is on the disk."""
    work = Path(spec["work"])
    # The digest was made when the snapshot was frozen; here it is made before the clock runs.
    digest = hashlib.sha256()
    for part in document_parts(SCHEMA, _members(spec)):
        digest.update(part)
    target = work / "export.zip"
    started = time.perf_counter()
    release = Release(
        snapshot_id="00000000-0000-4000-8000-000000000000",
        name="bench",
        digest=digest.hexdigest(),
        created_at="2025-01-02T03:04:05.000006+00:00",
        study="bench",
        schema=SCHEMA,
        members=SpooledMembers(_members(spec), work / "members.jsonl"),
        signature=None,
        evaluation=None,
        provenance={},
    )
    write_package(release, format=spec["format"], image_path=Path(spec["images"]).joinpath, target=target)
    seconds = time.perf_counter() - started
    found = {"seconds": seconds, "mib": _peak_mib(), "bytes": target.stat().st_size}
    target.unlink()
    return found


def tar(spec: dict[str, Any]) -> dict[str, Any]:
    """The same files by GNU tar, also to a file that is on the disk."""
    target = Path(spec["work"]) / "bare.tar"
    started = time.perf_counter()
    command = ["tar", "-cf", str(target), "-C", spec["images"], "-T", spec["list"]]
    subprocess.run(command, check=True)
    subprocess.run(["sync", str(target)], check=True)
    seconds = time.perf_counter() - started
    target.unlink()
    return {"seconds": seconds}


def tarfile_copy(spec: dict[str, Any]) -> dict[str, Any]:
    """The same files by Python's own tarfile, also to a file that is on the disk."""
    target = Path(spec["work"]) / "bare.tar"
    started = time.perf_counter()
    with target.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name in Path(spec["list"]).read_text().split():
                archive.add(f"{spec['images']}/{name}", name)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    target.unlink()
    return {"seconds": seconds}


def _peak_mib() -> float:
    """The most resident memory since this program began; `getrusage` would count what the caller had before."""
    with Path("/proc/self/status").open() as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    run = {"make": make, "write": write, "tar": tar, "tarfile": tarfile_copy}[sys.argv[1]]
    print(json.dumps(run(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))), flush=True)
