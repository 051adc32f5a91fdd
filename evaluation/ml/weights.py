"""The one place where this package unpickles weights, pinned by digest and tensors only, and where imported ones lie.

Imported weights are a pair of files in one folder: ``NAME.safetensors``, and ``NAME.json`` beside it, which says what
it was made from. The index is moved there last, so weights without one do not exist.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generation.child import BadInput

if TYPE_CHECKING:
    import torch

HOW_TO_IMPORT = (
    "`synthlab weights import FILE` takes them; the how-to “Import the Inception weights” tells the way."
)


@dataclass(frozen=True)
class Pin:
    """What a file must be, byte for byte."""

    size: int
    sha256: str


# pt_inception-2015-12-05-6726825d.pth: TensorFlow's network of 2015-12-05, in the layout that the usual tools read.
INCEPTION_PIN = Pin(
    size=95_628_359, sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
)


@dataclass(frozen=True)
class Imported:
    """Weights that somebody imported.

    Attributes:
        name: of the extractor they are for.
        source_sha256: of the file they came in.
        sha256: of the safetensors file that lies here.
        size: of that file, in bytes.
    """

    name: str
    source_sha256: str
    sha256: str
    size: int


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
    return unpickle(path.read_bytes())


def unpickle(content: bytes) -> dict[str, torch.Tensor]:
    """Read a state dict: tensors by name, and nothing that could run.

    Raises:
        BadInput: ``weights_unreadable``: cut short, or it holds something else than tensors.
    """
    import torch

    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its parts raise; whatever it is, nothing was loaded
        raise BadInput(
            "weights_unreadable",
            f"the weights file holds something else than tensors, or is cut short ({type(error).__name__})",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise BadInput("weights_unreadable", "the weights file holds something else than tensors by name")
    return dict(state)


def find_imported(folder: Path, name: str) -> Imported | None:
    """What the index says of imported weights, None where there are none; torch is not needed for it."""
    try:
        index = json.loads((folder / f"{name}.json").read_bytes())
        return Imported(name, str(index["source_sha256"]), str(index["sha256"]), int(index["size"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load_imported(folder: Path, name: str, pin: Pin) -> dict[str, torch.Tensor]:
    """Load imported weights, which must have come from the pinned file and be as they were then.

    Raises:
        BadInput: ``weights_missing`` or ``weights_changed``.
    """
    found = find_imported(folder, name)
    if found is None:
        raise BadInput("weights_missing", f"The weights of {name} are not installed here. {HOW_TO_IMPORT}")
    try:
        content = (folder / f"{name}.safetensors").read_bytes()
    except OSError:
        content = b""
    if found.source_sha256 != pin.sha256 or hashlib.sha256(content).hexdigest() != found.sha256:
        raise BadInput(
            "weights_changed",
            f"The weights of {name} are not the ones that were imported; import them again. {HOW_TO_IMPORT}",
        )
    from safetensors.torch import load

    return load(content)
