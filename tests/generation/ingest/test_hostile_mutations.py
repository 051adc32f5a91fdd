"""Seeded damage to hostile and honest files: whatever comes out is a picture or a refusal, and the reader lives on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest

from generation.ingest.rejection import DETAILS
from tests.generation.ingest.builders import REPOSITORY, encoded, texture, zipped
from tests.generation.ingest.hostile.corpus import whole_corpus

SEED = 20_261
LARGEST = 100_000
BATCH = 100
SHIPPED = sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm"))

# One warm process reads batch after batch, as a worker's child reads file after file.
_WARM = """
import json, resource, sys
from pathlib import Path
from generation.ingest.confine import confine_process
from generation.ingest.limits import Limits
from generation.ingest.readers import Reading, read_upload
from generation.ingest.rejection import Refusal
limits = Limits(seconds_per_picture=20, cpu_seconds=600, pixels=2**22)
confine_process(limits)
folder = Path(sys.argv[1])
(folder / "scratch").mkdir()
how = Reading(limits, folder / "scratch")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for line in sys.stdin:
    count = int(line)
    for number in range(count):
        entries = list(read_upload(folder / str(number), str(number), how))
        said = [entry.code if isinstance(entry, Refusal) else "ok" for entry in entries]
        print(json.dumps({"number": number, "codes": said}), flush=True)
    print(json.dumps({"peak_mib": peak(), "left": [path.name for path in (folder / "scratch").iterdir()]}), flush=True)
"""


def sources() -> list[bytes]:
    """What is damaged: the hostile corpus, honest pictures, and the files that pydicom is tested with."""
    files = [file.build() for file in whole_corpus()]
    files += [encoded(texture(3, (48, 48, 3)), kind) for kind in ("PNG", "JPEG", "TIFF")] * 10
    files += [zipped([("a.png", encoded(texture(4))), ("b.jpg", encoded(texture(5), "JPEG"))])] * 5
    files += [path.read_bytes() for path in SHIPPED if path.stat().st_size <= LARGEST]
    return [data for data in files if len(data) <= LARGEST]


def flipped(rng: np.random.Generator, data: bytearray, _: bytes) -> bytearray:
    for at in rng.integers(0, len(data), rng.integers(1, 16)):
        data[at] = rng.integers(256)
    return data


def cut(rng: np.random.Generator, data: bytearray, _: bytes) -> bytearray:
    return data[: rng.integers(1, len(data) + 1)]


def spliced(rng: np.random.Generator, data: bytearray, other: bytes) -> bytearray:
    here, there = rng.integers(0, len(data)), rng.integers(0, len(other))
    return data[:here] + bytearray(other[there : there + rng.integers(1, 4_000)]) + data[here:]


def repeated(rng: np.random.Generator, data: bytearray, _: bytes) -> bytearray:
    start = rng.integers(0, len(data))
    piece = data[start : start + rng.integers(1, 64)]
    return data[:start] + piece * int(rng.integers(2, 200)) + data[start:]


def stretched(rng: np.random.Generator, data: bytearray, _: bytes) -> bytearray:
    """A number in the header becomes an extreme one: lengths, counts, sides."""
    extremes = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xfe\xff\xff\xff")
    at = int(rng.integers(0, min(len(data), 1_000)))
    value = extremes[rng.integers(len(extremes))][: rng.integers(1, 5)]
    data[at : at + len(value)] = value
    return data


Mutator = Callable[[np.random.Generator, bytearray, bytes], bytearray]
MUTATORS: tuple[Mutator, ...] = (flipped, cut, spliced, repeated, stretched)


def mutated(rng: np.random.Generator, files: list[bytes]) -> bytes:
    """One damaged file; its first bytes often stay, so that the readers are reached and not the sniffer alone."""
    whole, other = files[rng.integers(len(files))], files[rng.integers(len(files))]
    data = bytearray(whole) or bytearray(b"\0")
    for _ in range(rng.integers(1, 4)):
        data = MUTATORS[rng.integers(len(MUTATORS))](rng, data, other or b"\0") or bytearray(b"\0")
    if rng.random() < 0.8:
        kept = 132 if whole[128:132] == b"DICM" else 4
        data[:kept] = whole[:kept]
    return bytes(data)


def read_mutated(folder: Path, seed: int, count: int) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Codes of each file, and what the process says of itself after each batch."""
    rng, files = np.random.default_rng(seed), sources()
    child = subprocess.Popen(
        [sys.executable, "-c", _WARM, str(folder)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    codes: list[list[str]] = []
    states: list[dict[str, Any]] = []
    with child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        for _ in range(count // BATCH):
            for number in range(BATCH):
                (folder / str(number)).write_bytes(mutated(rng, files))
            child.stdin.write(f"{BATCH}\n")
            child.stdin.flush()
            for number in range(BATCH):
                line = child.stdout.readline()
                assert line, f"seed {seed}: file {len(codes)} ended the reader: {child.stderr.read()[-2000:]}"
                said = json.loads(line)
                assert said["number"] == number
                codes.append(said["codes"])
            states.append(json.loads(child.stdout.readline()))
        child.stdin.close()
        assert child.stderr.read() == ""
    assert child.returncode == 0
    return codes, states


def check(codes: list[list[str]], states: list[dict[str, Any]]) -> None:
    for said in codes:
        assert said, "a file was passed over without a word"
        assert set(said) <= {*DETAILS, "ok"}
    told = {code for said in codes for code in said}
    assert {"ok", "damaged", "unsupported_type", "archive_damaged"} <= told
    assert len(told) >= 15
    assert all(state["left"] == [] for state in states)
    # The first batch loads the libraries; 4 Mpx in colour take 12 MiB and a few copies.
    assert max(state["peak_mib"] for state in states) < states[0]["peak_mib"] + 150


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    check(*read_mutated(tmp_path, SEED, 500))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED + 1, SEED + 6))
def test_many_more_damaged_files(tmp_path: Path, seed: int) -> None:
    check(*read_mutated(tmp_path, seed, 2_000))


def test_the_same_seed_damages_the_same(tmp_path: Path) -> None:
    files = [encoded(texture(3)), b"PK\x03\x04 nothing"]
    one, other = (
        [mutated(rng, files) for _ in range(50)]
        for rng in (np.random.default_rng(1), np.random.default_rng(1))
    )
    assert one == other
    assert len(set(one)) > 40
