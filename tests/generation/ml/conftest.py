"""Small real pictures and tiny networks: everything here runs in seconds on one thread."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generation.ml.config import TrainConfig
from generation.ml.device import Device
from generation.ml.networks import build_generator
from generation.ml.weights import GeneratorRecord, LoadedGenerator, load_generator, serialise_generator

CPU = Device(name="cpu", dtype="float32", model="test")
TINY: dict[str, Any] = {
    "image_size": 16,
    "latent_size": 8,
    "g_filters": 4,
    "d_filters": 4,
    "batch_size": 8,
    "steps": 6,
    "standing_batches": 2,
    "metric_every": 2,
    "sample_every": 3,
    "checkpoint_every": 3,
    "sample_count": 4,
    "dtype": "float32",
    "r1_every": 2,
}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny() -> Callable[..., TrainConfig]:
    return lambda **wishes: TrainConfig.from_request({**TINY, **wishes})


def save_tile(
    folder: Path, number: int, *, size: int = 16, channels: int = 3, constant: bool = False
) -> dict[str, str]:
    """A blob on a tinted ground, as a PNG; and its manifest entry."""
    rng = np.random.default_rng(0 if constant else number)
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - rng.uniform(0, size), columns - rng.uniform(0, size))
    ground = rng.uniform(100, 220, channels)
    pixels = (
        ground
        - 90 * np.exp(-((distance / (size / 4)) ** 2))[..., None]
        + rng.normal(0, 4, (size, size, channels))
    )
    array = pixels.clip(0, 255).astype(np.uint8)
    path = folder / f"tile-{number}.png"
    Image.fromarray(array if channels == 3 else array[..., 0]).save(path)
    return {
        "path": str(path),
        "class": "even" if number % 2 == 0 else "odd",
        "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


@pytest.fixture
def make_manifest(tmp_path: Path) -> Callable[..., Path]:
    def make(count: int = 24, monitor: int = 0, monitor_groups: int = 0, **kwargs: Any) -> Path:
        folder = tmp_path / "tiles"
        folder.mkdir(exist_ok=True)
        entries = [save_tile(folder, number, **kwargs) for number in range(count + monitor)]
        for place, entry in enumerate(entries[count:] if monitor_groups else ()):
            entry["group"] = f"block-{place % monitor_groups}"
        manifest = {"digest": "m" * 64, "images": entries[:count], "monitor": entries[count:]}
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(manifest))
        return path

    return make


@pytest.fixture
def make_generator(tmp_path: Path) -> Callable[..., tuple[Path, LoadedGenerator]]:
    """An untrained generator on disk, with norm statistics that are not the trivial ones."""

    def make(**changes: Any) -> tuple[Path, LoadedGenerator]:
        facts: dict[str, Any] = {
            "architecture": "dcgan-s", "image_size": 32, "channels": 3, "latent_size": 16, "filters": 8, "step": 5,
        }  # fmt: skip
        record = GeneratorRecord(**{**facts, **changes})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            network = build_generator(record.architecture, record.shape)
            labels = torch.zeros(64, dtype=torch.long) if record.classes else None
            network.train()(torch.randn(64, record.latent_size), labels)
        content = serialise_generator(network, record)
        path = tmp_path / f"{hashlib.sha256(content).hexdigest()}.safetensors"
        path.write_bytes(content)
        return path, load_generator(path, device=torch.device("cpu"))

    return make
