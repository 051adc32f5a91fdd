"""The training images, all of them, in memory as uint8: a few hundred tiles are a few megabytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generation.child import BadInput
from generation.ml.config import TrainConfig

FEWEST_IMAGES = 8


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Everything a run learns from.

    Attributes:
        images: (n, c, h, w) uint8.
        labels: (n,) int64, positions in `classes`; zeros for an unconditional run.
        monitor: (m, c, h, w) uint8, never trained on; watches the run. m may be 0.
        monitor_groups: how many groups (patients, slides, blocks) the monitor slice spans.
        classes: names in the order that the networks count them; empty for an unconditional run.
        manifest_digest: names the frozen list of images.
    """

    images: Tensor
    labels: Tensor
    monitor: Tensor
    monitor_groups: int
    classes: tuple[str, ...]
    manifest_digest: str

    @property
    def class_weights(self) -> NDArray[np.float64] | None:
        """(n,) weights that show every class equally often, or None where there are no classes."""
        if not self.classes:
            return None
        counts = np.bincount(self.labels.numpy(), minlength=len(self.classes))
        weights: NDArray[np.float64] = 1.0 / counts[self.labels.numpy()]
        return weights


def load_training_data(manifest_path: Path, config: TrainConfig) -> TrainingData:
    """Read a manifest and its images, and refuse what cannot be learnt from before any time is spent.

    Args:
        manifest_path: JSON ``{"digest", "images": [{"path", "class", "digest", "group"}], "monitor": [same]}``;
            an image without a group stands for itself.
        config: image size, channels and whether classes matter.

    Raises:
        BadInput: ``bad_manifest``, ``unreadable_image``, ``image_changed``, ``wrong_size``, ``wrong_channels``,
            ``too_few_images``, ``identical_images``, ``missing_class``, ``one_class``.
    """
    manifest = _read_manifest(manifest_path)
    entries, monitor = manifest["images"], manifest.get("monitor") or []
    if len(entries) < FEWEST_IMAGES:
        raise BadInput(
            "too_few_images", f"{len(entries)} training images; at least {FEWEST_IMAGES} are needed"
        )
    classes = _classes(entries) if config.conditional else ()
    images = _load_images(entries, config, "training image")
    if bool((images == images[:1]).all()):
        raise BadInput("identical_images", f"all {len(entries)} training images are the same picture")
    position = {name: index for index, name in enumerate(classes)}
    labels = [position[entry["class"]] if classes else 0 for entry in entries]
    return TrainingData(
        images=images,
        labels=torch.tensor(labels, dtype=torch.long),
        monitor=_load_images(monitor, config, "monitor image"),
        monitor_groups=len({entry.get("group") or place for place, entry in enumerate(monitor)}),
        classes=classes,
        manifest_digest=str(manifest["digest"]),
    )


def to_unit(images: Tensor, device: torch.device) -> Tensor:
    """(n, c, h, w) uint8 → float32 in [-1, 1], channels last, on the device."""
    floats = images.to(device).float().div(127.5).sub(1.0)
    return floats.contiguous(memory_format=torch.channels_last)


def to_bytes(images: Tensor) -> Tensor:
    """(n, c, h, w) in [-1, 1] → uint8 on the CPU: scaled, rounded half to even, clipped."""
    return images.float().add(1.0).mul(127.5).round().clamp(0, 255).to("cpu", torch.uint8)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        entries = [*manifest["images"], *(manifest.get("monitor") or [])]
        if not all(isinstance(entry["path"], str) for entry in entries) or "digest" not in manifest:
            raise KeyError("path")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput("bad_manifest", "the list of training images cannot be read") from error
    return dict(manifest)


def _classes(entries: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    names = [entry.get("class") for entry in entries]
    if without := sum(1 for name in names if not name):
        raise BadInput("missing_class", f"{without} of {len(names)} training images have no class")
    classes = tuple(sorted({str(name) for name in names}))
    if len(classes) < 2:
        raise BadInput("one_class", "all training images are of one class; train without classes instead")
    return classes


def _load_images(entries: Sequence[dict[str, Any]], config: TrainConfig, what: str) -> Tensor:
    side, channels = config.image_size, config.channels
    pixels = np.empty((len(entries), channels, side, side), np.uint8)
    for place, entry in enumerate(entries):
        # Places, not names: messages end up in logs, and a name may be a patient's.
        pixels[place] = _load_image(entry, config, f"{what} {place + 1} of {len(entries)}")
    return torch.from_numpy(pixels)


def _load_image(entry: dict[str, Any], config: TrainConfig, name: str) -> NDArray[np.uint8]:
    side = config.image_size
    try:
        content = Path(entry["path"]).read_bytes()
        with Image.open(Path(entry["path"])) as image:
            size, bands = image.size, len(image.getbands())
            pixels = np.asarray(image.convert("L" if config.channels == 1 else "RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput("unreadable_image", f"{name} cannot be decoded") from error
    if entry.get("digest") and hashlib.sha256(content).hexdigest() != entry["digest"]:
        raise BadInput("image_changed", f"{name} is not the file that was ingested")
    if size != (side, side):
        raise BadInput(
            "wrong_size", f"{name} is {size[0]} × {size[1]} px; this run is set to {side} × {side} px"
        )
    if bands != config.channels:
        raise BadInput("wrong_channels", f"{name} has {bands} channels; this run is set to {config.channels}")
    return pixels.reshape(side, side, config.channels).transpose(2, 0, 1)
