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
from generation.ml.classes import class_names, require_targets_for
from generation.ml.config import TrainConfig
from generation.pixels import OtherPixelsError, decode_stored, to_eight_bits

FEWEST_IMAGES = 8


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Everything a run learns from.

    Attributes:
        images: (n, c, h, w) uint8.
        labels: (n,) int64, positions in `classes`; zeros for an unconditional run.
        monitor: (m, c, h, w) uint8, never trained on; watches the run. m may be 0.
        monitor_labels: (m,) int64, positions in `classes`; zeros for an unconditional run.
        monitor_groups: how many groups (patients, slides, blocks) the monitor slice spans.
        classes: names in the order that the networks count them; empty for an unconditional run.
        manifest_digest: names the frozen list of images.
        scaled: how many of `images` are stored with 16 bit; they are learnt with 8.
    """

    images: Tensor
    labels: Tensor
    monitor: Tensor
    monitor_labels: Tensor
    monitor_groups: int
    classes: tuple[str, ...]
    manifest_digest: str
    scaled: int = 0

    def class_shares(self, config: TrainConfig) -> NDArray[np.float64]:
        """(k,) how often each class is shown, adding up to 1; empty where there are no classes."""
        counts = np.bincount(self.labels.numpy(), minlength=len(self.classes))[: len(self.classes)]
        if config.class_targets:
            return np.array([config.class_targets[name] for name in self.classes], np.float64)
        weights = (counts > 0).astype(np.float64) if config.balance_classes else counts.astype(np.float64)
        shares: NDArray[np.float64] = weights / max(weights.sum(), 1.0)
        return shares

    def image_weights(self, config: TrainConfig) -> NDArray[np.float64] | None:
        """(n,) weights under which the classes come in their shares, or None for a plain shuffle."""
        if not self.classes or not (config.balance_classes or config.class_targets):
            return None
        labels = self.labels.numpy()
        weights: NDArray[np.float64] = (self.class_shares(config) / np.bincount(labels))[labels]
        return weights


def load_training_data(manifest_path: Path, config: TrainConfig) -> TrainingData:
    """Read a manifest and its images, and refuse what cannot be learnt from before any time is spent.

    Args:
        manifest_path: JSON ``{"digest", "images": [{"path", "class", "digest", "group"}], "monitor": [same]}``;
            an image without a group stands for itself.
        config: image size, channels and whether classes matter.

    Raises:
        BadInput: ``bad_manifest``, ``unreadable_image``, ``image_changed``, ``wrong_size``, ``wrong_channels``,
            ``too_few_images``, ``identical_images``, ``missing_class``, ``one_class``, ``bad_class_targets``.
    """
    manifest = _read_manifest(manifest_path)
    entries, monitor = manifest["images"], manifest.get("monitor") or []
    if len(entries) < FEWEST_IMAGES:
        raise BadInput(
            "too_few_images", f"{len(entries)} training images; at least {FEWEST_IMAGES} are needed"
        )
    classes = class_names([entry.get("class") for entry in entries]) if config.conditional else ()
    require_targets_for(classes, config.class_targets)
    # What no training image shows cannot be made, so it cannot be compared with what was made either.
    monitor = [entry for entry in monitor if not classes or entry.get("class") in classes]
    images, scaled = _load_images(entries, config, "training image")
    if bool((images == images[:1]).all()):
        raise BadInput("identical_images", f"all {len(entries)} training images are the same picture")
    return TrainingData(
        images=images,
        labels=_labels(entries, classes),
        monitor=_load_images(monitor, config, "monitor image")[0],
        monitor_labels=_labels(monitor, classes),
        monitor_groups=len({entry.get("group") or place for place, entry in enumerate(monitor)}),
        classes=classes,
        manifest_digest=str(manifest["digest"]),
        scaled=scaled,
    )


def _labels(entries: Sequence[dict[str, Any]], classes: tuple[str, ...]) -> Tensor:
    position = {name: index for index, name in enumerate(classes)}
    labels = [position[entry["class"]] if classes else 0 for entry in entries]
    return torch.tensor(labels, dtype=torch.long)


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


def _load_images(entries: Sequence[dict[str, Any]], config: TrainConfig, what: str) -> tuple[Tensor, int]:
    """(n, c, h, w) uint8, and how many images were scaled to it from 16 bit."""
    side, channels = config.image_size, config.channels
    pixels = np.empty((len(entries), channels, side, side), np.uint8)
    scaled = 0
    for place, entry in enumerate(entries):
        # Places, not names: messages end up in logs, and a name may be a patient's.
        stored = _load_image(entry, config, f"{what} {place + 1} of {len(entries)}")
        scaled += stored.dtype == np.uint16
        pixels[place] = to_eight_bits(stored)
    return torch.from_numpy(pixels), int(scaled)


def _load_image(entry: dict[str, Any], config: TrainConfig, name: str) -> NDArray[Any]:
    """(c, h, w) uint8 or uint16, as it is stored."""
    side = config.image_size
    try:
        content = Path(entry["path"]).read_bytes()
        stored = decode_stored(content)
    except OtherPixelsError as error:
        raise BadInput("wrong_channels", f"{name} is neither grey nor RGB ({error.mode})") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput("unreadable_image", f"{name} cannot be decoded") from error
    if entry.get("digest") and hashlib.sha256(content).hexdigest() != entry["digest"]:
        raise BadInput("image_changed", f"{name} is not the file that was ingested")
    height, width, *more = stored.shape
    if (width, height) != (side, side):
        raise BadInput(
            "wrong_size", f"{name} is {width} × {height} px; this run is set to {side} × {side} px"
        )
    bands = more[0] if more else 1
    if bands != config.channels:
        raise BadInput("wrong_channels", f"{name} has {bands} channels; this run is set to {config.channels}")
    return stored.reshape(side, side, config.channels).transpose(2, 0, 1)
