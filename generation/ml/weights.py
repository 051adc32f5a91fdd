"""The generator as one file that explains itself: safetensors with one JSON record.

The file's SHA-256 is the generator's name everywhere, so the bytes must be a function of the contents: tensors are
contiguous float32 or int64, safetensors orders them itself, and the record is one string of sorted JSON (several
metadata keys would be written in the order of a hash map).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from generation.child import BadInput
from generation.ml.networks import Shape, build_generator

METADATA_KEY = "synthlab"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class GeneratorRecord:
    """What a generator file says about itself; enough to rebuild the network and to find out how it came to be."""

    architecture: str
    image_size: int
    channels: int
    latent_size: int
    filters: int
    skip_excitation: bool = False
    classes: tuple[str, ...] = ()
    dataset_manifest_digest: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    code_version: str = ""
    step: int = 0
    format_version: int = FORMAT_VERSION

    @property
    def shape(self) -> Shape:
        """The sizes of the network."""
        return Shape(
            image_size=self.image_size,
            channels=self.channels,
            latent_size=self.latent_size,
            filters=self.filters,
            class_count=len(self.classes),
            skip_excitation=self.skip_excitation,
        )


@dataclass(frozen=True, kw_only=True)
class LoadedGenerator:
    """A generator ready to sample: eval mode, frozen statistics, no gradients."""

    network: nn.Module
    record: GeneratorRecord
    digest: str


def serialise_generator(network: nn.Module, record: GeneratorRecord) -> bytes:
    """The bytes of a generator file; the same weights and record give the same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    # Batch norm counts its batches for a momentum that a frozen network never uses.
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    record_json = json.dumps(asdict(record), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return bytes(save(tensors, metadata={METADATA_KEY: record_json}))


def write_generator(path: Path, content: bytes) -> str:
    """Write atomically (temporary file, sync, rename) and return the digest."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return hashlib.sha256(content).hexdigest()


def read_record(path: Path) -> GeneratorRecord:
    """Read only what a generator file says about itself.

    Raises:
        BadInput: ``bad_weights`` if it is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads((file.metadata() or {})[METADATA_KEY])
        if record["format_version"] > FORMAT_VERSION:
            raise BadInput("bad_weights", "the weights were written by a newer version of this software")
        return GeneratorRecord(**{**record, "classes": tuple(record["classes"])})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BadInput("bad_weights", "this is not a generator file, or it is damaged") from error


def load_generator(
    path: Path, *, device: torch.device, expected_digest: str | None = None
) -> LoadedGenerator:
    """Load a generator for sampling, checking its digest first where it is known.

    Raises:
        BadInput: ``bad_weights``, ``wrong_digest`` or ``unknown_architecture``.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInput("bad_weights", "the weights file cannot be read") from error
    if expected_digest is not None and digest != expected_digest:
        raise BadInput(
            "wrong_digest",
            f"the stored file of the generator {expected_digest[:12]}… is damaged (it is {digest[:12]}… now); bring it back "
            "from a backup and try again",
        )
    record = read_record(path)
    network = build_generator(record.architecture, record.shape)
    _load_weights(network, _read_tensors(path))
    network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    return LoadedGenerator(network=network, record=record, digest=digest)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 — not a mapping


def _load_weights(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    try:
        missing, unexpected = network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise BadInput("bad_weights", "the weights do not fit the network that the file names") from error
    if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
        raise BadInput("bad_weights", "the weights do not fit the network that the file names")
