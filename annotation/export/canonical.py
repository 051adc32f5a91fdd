"""One way to write a value as bytes, so that the same content has the same digest everywhere."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def canonical_json(value: object, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON with sorted keys, NFC text, no NaN, and a newline at the end.

    Args:
        value: Mappings, lists, text, numbers, booleans and None.
        indent: Spaces a level, for files that people read; None writes no space at all.

    Raises:
        ValueError: A number is not finite.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(
        _normal(value),
        sort_keys=True,
        ensure_ascii=False,
        allow_nan=False,
        separators=separators,
        indent=indent,
    )
    return text.encode() + b"\n"


def digest_bytes(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _normal(value: object) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        return {unicodedata.normalize("NFC", str(key)): _normal(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(member) for member in value]
    return value
