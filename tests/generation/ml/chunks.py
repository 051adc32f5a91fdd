"""A PNG taken apart by hand."""

from __future__ import annotations

import struct


def chunk_names(content: bytes) -> list[str]:
    """Names of a PNG's chunks, read without a library."""
    names, position = [], 8
    while position < len(content):
        (length,) = struct.unpack(">I", content[position : position + 4])
        names.append(content[position + 4 : position + 8].decode("ascii"))
        position += 12 + length
    return names
