"""One immutable shard on disk: rows in ``NAME.npy``, what they are rows of in ``NAME.json``, written last."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_shard(folder: Path, index: dict[str, Any], rows: npt.NDArray[np.float32]) -> None:
    """Store a shard durably: both files complete and synced before the index gets its name.

    Args:
        folder: of one extractor and preprocessing.
        index: JSON that names the rows in order; its bytes name the shard.
        rows: (n, d).
    """
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(rows, dtype="<f4"), allow_pickle=False)
    text = json.dumps(index).encode()
    name = hashlib.sha256(text).hexdigest()[:32]
    put_file(folder, f"{name}.npy", buffer.getvalue())
    put_file(folder, f"{name}.json", text)
    _sync_folder(folder)


def put_file(folder: Path, name: str, content: bytes) -> None:
    """Write a file that is whole and synced before it gets its name."""
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
