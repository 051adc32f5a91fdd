"""The command that makes the demo generator, on a run of seconds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.weights import load_generator, read_record
from tests.generation.ml.conftest import CPU

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "g_filters=4",
    "d_filters=4",
    "batch_size=8",
    "standing_batches=2",
    "sample_every=2",
    "checkpoint_every=2",
]


def make(folder: Path, steps: int) -> Path:
    changes = [part for item in SMALL for part in ("--set", item)]
    command = [sys.executable, "-m", "generation.pretrained", str(folder), "--steps", str(steps)]
    done = subprocess.run(
        [*command, "--code-version", "test", *changes],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "ihc-64.safetensors"


def test_command_makes_a_generator_and_its_card_and_goes_on_where_it_was(tmp_path):
    weights = make(tmp_path, 2)
    assert make(tmp_path, 4).exists()  # from the checkpoint of step 2
    record = read_record(weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    card = (tmp_path / "ihc-64.md").read_text()
    assert digest in card
    assert record.dataset_manifest_digest in card
    assert "280 training tiles" in card
    assert "| Steps run | 4 (32 images seen) |" in card
    assert "--steps 4 --threads 1 --code-version test --set g_filters=4" in card
    looks = [line for line in card.splitlines() if line.startswith(("| 2 |", "| 4 |"))]
    assert len(looks) == 2


@pytest.mark.parametrize(
    "weights", sorted((ROOT / "generation/pretrained").glob("*.safetensors")), ids=lambda path: path.stem
)
def test_shipped_generator_is_small_described_and_varied(weights):
    assert weights.stat().st_size < 16 * 2**20
    generator = load_generator(weights, device=torch.device("cpu"))
    card = weights.with_suffix(".md").read_text()
    assert f"`{generator.digest}`" in card
    assert generator.record.dataset_manifest_digest in card
    requests = [ImageRequest(batch_seed=1, index=index) for index in range(16)]
    pixels = torch.stack(
        [torch.from_numpy(image.pixels) for image in Sampler(generator, CPU).sample(requests)]
    )
    assert pixels.shape == (16, 64, 64, 3)
    assert pixels.float().std(dim=0).mean() > 20  # grey levels; the real tiles have about 50
