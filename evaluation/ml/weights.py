"""The one place where this package unpickles weights: pinned by digest, tensors only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from generation.child import BadInput

if TYPE_CHECKING:
    import torch


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_pinned(path: Path, digest: str) -> dict[str, torch.Tensor]:
    """Load a state dict whose file must have this SHA-256.

    Raises:
        BadInput: the file is missing or is another file; nothing of it is unpickled then.
    """
    if not path.is_file():
        raise BadInput("weights_missing", f"the weights file {path.name} is not installed")
    found = file_digest(path)
    if found != digest:
        raise BadInput(
            "weights_changed",
            f"the weights file {path.name} has SHA-256 {found[:16]}…, expected {digest[:16]}…",
        )
    import torch

    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
