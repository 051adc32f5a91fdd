"""Results kept in a file: known dataclasses, tuples, dictionaries and arrays, written as ``.npz`` and never as pickles."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
_INDEX = "index"


def pack(value: Any, types: Mapping[str, type]) -> bytes:
    """The bytes of a file that `unpack` reads; floats come back to the last bit.

    Args:
        value: None, booleans, numbers, strings, arrays, and tuples, string-keyed dictionaries and dataclasses of these.
        types: dataclasses that may occur, by name.

    Raises:
        TypeError: something else is in it.
    """
    arrays: Arrays = {}
    index = json.dumps(_lay_out(value, arrays, types))
    buffer = io.BytesIO()
    np.savez(buffer, **{_INDEX: np.frombuffer(index.encode(), dtype=np.uint8)}, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(file: io.BufferedIOBase, types: Mapping[str, type]) -> Any:
    """What was packed.

    Raises:
        ValueError, KeyError, OSError, TypeError, zipfile.BadZipFile: it is not such a file, or a damaged one.
    """
    with np.load(file, allow_pickle=False) as stored:
        return _build(json.loads(stored[_INDEX].tobytes()), stored, types)


def _lay_out(value: Any, arrays: Arrays, types: Mapping[str, type]) -> Any:
    """Plain values stand for themselves, all others as ``[kind, …]``."""
    if value is None or isinstance(value, bool | int | float | str):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        arrays[name] = value
        return ["array", name]
    if isinstance(value, tuple):
        return ["tuple", *(_lay_out(part, arrays, types) for part in value)]
    if isinstance(value, dict):
        return ["dict", {key: _lay_out(part, arrays, types) for key, part in value.items()}]
    name = type(value).__name__
    if types.get(name) is not type(value) or not is_dataclass(value):
        raise TypeError(f"{name} cannot be kept in a file")
    parts = {field.name: getattr(value, field.name) for field in fields(value)}
    return [name, {key: _lay_out(part, arrays, types) for key, part in parts.items()}]


def _build(laid: Any, stored: Mapping[str, npt.NDArray[Any]], types: Mapping[str, type]) -> Any:
    if not isinstance(laid, list):
        return laid
    kind, *parts = laid
    if kind == "array":
        return stored[parts[0]]
    if kind == "tuple":
        return tuple(_build(part, stored, types) for part in parts)
    built = {key: _build(part, stored, types) for key, part in parts[0].items()}
    return built if kind == "dict" else types[kind](**built)
