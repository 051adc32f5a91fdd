"""One way to write a value as bytes, so that the same content has the same digest everywhere."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Items:
    """An array of JSON whose items are made one at a time; `lines` puts each on a line of its own."""

    rows: Iterable[object]
    lines: bool = False


@dataclass(frozen=True, slots=True)
class WrittenItems:
    """An array of JSON whose items lie in a file already: each canonical, on a line of its own."""

    path: Path
    lines: bool = False


def canonical_json(value: object, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON with sorted keys, NFC text, no NaN, and a newline at the end.

    Args:
        value: Mappings, lists, text, numbers, booleans and None.
        indent: Spaces a level, for files that people read; None writes no space at all.

    Raises:
        ValueError: A number is not finite.
    """
    return _text(value, indent).encode() + b"\n"


def json_parts(value: Mapping[str, object]) -> Iterator[bytes]:
    """The same bytes as `canonical_json` in parts, for an object whose long arrays are `Items`.

    Raises:
        ValueError: A number is not finite.
    """
    opening = "{"
    for key in sorted(value):
        yield f"{opening}{_text(key)}:".encode()
        opening = ","
        member = value[key]
        if isinstance(member, Items):
            yield from _array_parts(member)
        elif isinstance(member, WrittenItems):
            yield from _written_parts(member)
        else:
            yield _text(member).encode()
    yield b"}\n"


def _array_parts(items: Items) -> Iterator[bytes]:
    separator = "\n" if items.lines else ""
    opening = f"[{separator}"
    for row in items.rows:
        yield f"{opening}{_text(row)}".encode()
        opening = f",{separator}"
    yield b"[]" if opening.startswith("[") else f"{separator}]".encode()


def _written_parts(items: WrittenItems) -> Iterator[bytes]:
    """The file in large pieces: no line of JSON holds a line feed, so each one in it ends an item."""
    left = items.path.stat().st_size - 1
    if left < 0:
        yield b"[]"
        return
    separator = b"\n" if items.lines else b""
    yield b"[" + separator
    with items.path.open("rb") as file:
        while left and (chunk := file.read(min(left, _CHUNK))):
            yield chunk.replace(b"\n", b"," + separator)
            left -= len(chunk)
    yield separator + b"]"


def _text(value: object, indent: int | None = None) -> str:
    encoder = _COMPACT if indent is None else _encoder(indent, ": ")
    text = encoder.encode(value)
    return text if text.isascii() else encoder.encode(_normal(value))


def _encoder(indent: int | None, colon: str) -> json.JSONEncoder:
    return json.JSONEncoder(
        sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", colon), indent=indent
    )


_COMPACT = _encoder(None, ":")
_CHUNK = 1 << 20


def digest_bytes(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def normal_text(text: str) -> str:
    """Text as canonical JSON has it: NFC."""
    return unicodedata.normalize("NFC", text)


def _normal(value: object) -> Any:
    if isinstance(value, str):
        return normal_text(value)
    if isinstance(value, Mapping):
        return {normal_text(str(key)): _normal(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(member) for member in value]
    return value
