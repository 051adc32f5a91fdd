"""Taking in the file of Inception weights that a person brings: checked to the byte, read as tensors only, rewritten.

The file is a pickle, and pickles can run anything. So it must be the published one, byte for byte, before any of it is
read; it is read by torch's reader of tensors, in a process that can open no connection and start no program; and what is
kept is a safetensors file, which holds nothing that could run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.ml import weights
from evaluation.ml.extractors import INCEPTION
from generation.child import BadInput, Reporter, required
from generation.ingest.confine import deny_network_and_programs

if TYPE_CHECKING:
    import torch

# Batches that the normalisation had seen; some writers of state dicts leave it out, and nothing needs it.
_COUNTER = ".num_batches_tracked"


def import_weights(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Check and convert a file of weights: the verb behind ``synthlab weights import``.

    Args:
        spec: ``{"work": folder for what is made, "file": path of the file}``.
        reporter: told of progress.

    Returns:
        ``{"name", "source_sha256", "sha256", "size"}``: what lies in ``work`` now.

    Raises:
        BadInput: it is not the published file, or does not hold what that holds; nothing is written then.
    """
    import torch  # noqa: F401  (before the door is shut: importing it may look for programs)

    confined = deny_network_and_programs()
    source, work = Path(required(spec, "file")), Path(required(spec, "work"))
    if not confined:
        reporter.warning("not_confined", "this system cannot keep the process from network and programs")
    content = read_pinned(source, weights.INCEPTION_PIN)
    reporter.progress("reading", 1, 3)
    state = checked(weights.unpickle(content))
    reporter.progress("checking", 2, 3)
    imported = write(work, INCEPTION, state, weights.INCEPTION_PIN)
    reporter.progress("writing", 3, 3)
    return imported


def read_pinned(path: Path, pin: weights.Pin) -> bytes:
    """The bytes of a file that must be the pinned one; its size is looked at first.

    Raises:
        BadInput: ``weights_missing`` or ``weights_not_published``, with what was expected and what was found.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size == pin.size else b""
    except OSError as error:
        raise BadInput("weights_missing", f"the file cannot be read: {error.strerror}") from error
    if size != pin.size:
        raise BadInput(
            "weights_not_published",
            f"this is not the published file of weights: expected {pin.size:,} bytes, found {size:,}. Nothing was kept",
        )
    found = hashlib.sha256(content).hexdigest()
    if found != pin.sha256:
        raise BadInput(
            "weights_not_published",
            f"this is not the published file of weights: expected SHA-256 {pin.sha256}, found {found}. Nothing was kept",
        )
    return content


def checked(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The float32 tensors of the published layout, all of them and no other.

    Raises:
        BadInput: ``weights_layout`` or ``weights_not_finite``.
    """
    import torch

    kept = {name: tensor for name, tensor in state.items() if not name.endswith(_COUNTER)}
    expected = layout()
    for name in sorted(expected.keys() ^ kept.keys()):
        words = "lacks" if name in expected else "holds an unknown"
        raise BadInput("weights_layout", f"the weights file {words} {name}; it is no Inception of 2015-12-05")
    for name, tensor in kept.items():
        if tensor.dtype != torch.float32 or tuple(tensor.shape) != expected[name]:
            raise BadInput(
                "weights_layout",
                f"{name} in the weights file is {tensor.dtype} {tuple(tensor.shape)}, expected float32 {expected[name]}",
            )
        if not torch.isfinite(tensor).all():
            raise BadInput("weights_not_finite", f"{name} in the weights file holds NaN or infinity")
    return {name: tensor.contiguous() for name, tensor in sorted(kept.items())}


def layout() -> dict[str, tuple[int, ...]]:
    """Shapes by name: those of torchvision's Inception v3 with 1008 classes, which the published file shares."""
    import torch
    from torchvision.models.inception import Inception3

    with torch.device("meta"):
        network = Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    return {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }


def write(folder: Path, name: str, state: Mapping[str, torch.Tensor], pin: weights.Pin) -> dict[str, Any]:
    """Write the tensors and what is known of them as two files that only their owner may read."""
    from safetensors.torch import save

    content = save(dict(state), metadata={"name": name, "source_sha256": pin.sha256})
    facts = {
        "name": name,
        "source_sha256": pin.sha256,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    _write_private(folder / f"{name}.safetensors", content)
    _write_private(folder / f"{name}.json", json.dumps(facts, sort_keys=True).encode())
    return facts


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
