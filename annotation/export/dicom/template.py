"""Objects that differ in a few values alone: written once by the library, then copied as bytes with those values put in.

The library needs some 20 ms to build, check and encode the objects of one image, nearly all of it for what is the same in
every image. A template is such an object in bytes (explicit little endian, PS3.5 7.1.2) with holes where the values were
that differ; what stands around a hole gets its length when the hole is filled. Filled with the values of an image it is,
byte for byte, what the library writes for that image.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydicom import Dataset

PREFIX = 128 + 4  # the preamble and `DICM`
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_SHORT_LENGTH, _LENGTH = struct.Struct("<H"), struct.Struct("<I")
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_MARK, _MARK_HEAD = "the items of ", b"\x40\x00\x60\xa1UT"


@dataclass(frozen=True, slots=True)
class _Hole:
    """An element whose value is put in: tag and VR, and how its length is written."""

    head: bytes
    length: struct.Struct
    name: str


@dataclass(frozen=True, slots=True)
class _Nested:
    """A sequence or an item with a hole somewhere inside: tag and VR, and its parts."""

    head: bytes
    parts: list[_Part]


@dataclass(frozen=True, slots=True)
class _Items:
    """A place in a sequence where any number of items is put in, as bytes."""

    name: str


_Part = bytes | _Hole | _Nested | _Items


@dataclass(slots=True)
class Holes:
    """Which values differ, and by what they are known in the object that becomes a template.

    Attributes:
        values: Names by value, as encoded: wherever the value stands, there is a hole.
        tags: Names by tag, four bytes in little endian: what element has the tag is a hole.
        found: The names that were found so far.
    """

    values: Mapping[bytes, str] = field(default_factory=dict)
    tags: Mapping[bytes, str] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)

    def name(self, tag: bytes, value: bytes) -> str:
        """The name of the hole that this element is, or nothing."""
        name = self.tags.get(tag) or self.values.get(value, "")
        if name:
            self.found.add(name)
        return name

    def check(self) -> None:
        """All of them must be there.

        Raises:
            ValueError: One is not: then the library writes something else than it used to.
        """
        if missing := {*self.values.values(), *self.tags.values()} - self.found:
            raise ValueError(f"the object has no place for {', '.join(sorted(missing))}")


class ItemsTemplate:
    """Items of a sequence.

    Args:
        items: The items, as the library made them.
        holes: What differs.

    Raises:
        ValueError: A value that differs is not in them.
    """

    def __init__(self, items: Sequence[Dataset], holes: Holes) -> None:
        around = Dataset()
        around.SpecificCharacterSet = "ISO_IR 192"
        around.ContentSequence = items
        file = io.BytesIO()
        around.save_as(file, implicit_vr=False, little_endian=True)
        (_, _, _), (_, start, end) = _elements(file.getvalue(), 0, len(file.getvalue()))
        self._parts = _joined(_items(file.getvalue(), start, end, holes))
        holes.check()

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """The items as bytes with these values in the holes."""
        return _fill(self._parts, values)


class ObjectTemplate:
    """A whole DICOM file.

    Args:
        data: The file, as the library wrote it.
        holes: What differs.

    Raises:
        ValueError: A value that differs is not in it.
    """

    def __init__(self, data: bytes, holes: Holes) -> None:
        (_, start, end), *_ = _elements(data, PREFIX, len(data))
        if data[PREFIX:start] != _GROUP_LENGTH:
            raise ValueError("the object does not begin with the length of its meta information")
        body = end + _LENGTH.unpack(data[start:end])[0]
        self._prefix = data[:start]
        self._meta = _joined(_parts(data, end, body, holes))
        self._body = _joined(_parts(data, body, len(data), holes))
        holes.check()

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """The file with these values in the holes."""
        meta = _fill(self._meta, values)
        return b"".join((self._prefix, _LENGTH.pack(len(meta)), meta, _fill(self._body, values)))


def items_of(name: str) -> Dataset:
    """An item that stands for all items which are put in under this name."""
    mark = Dataset()
    mark.TextValue = f"{_MARK}{name}"
    return mark


def _fill(parts: Sequence[_Part], values: Mapping[str, bytes]) -> bytes:
    filled: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            filled.append(part)
        elif isinstance(part, _Hole):
            value = values[part.name]
            filled += (part.head, part.length.pack(len(value)), value)
        elif isinstance(part, _Nested):
            inside = _fill(part.parts, values)
            filled += (part.head, _LENGTH.pack(len(inside)), inside)
        else:
            filled.append(values[part.name])
    return b"".join(filled)


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Where each element begins, and where its value begins and ends."""
    while start < end:
        is_long = data[start + 4 : start + 6] in _LONG
        length = _LENGTH if is_long else _SHORT_LENGTH
        value = start + (12 if is_long else 8)
        (size,) = length.unpack(data[value - length.size : value])
        if size > end - value:
            raise ValueError("an element is longer than what it stands in")
        yield start, value, value + size
        start = value + size


def _parts(data: bytes, start: int, end: int, holes: Holes) -> Iterator[_Part]:
    for begin, value, stop in _elements(data, start, end):
        tag, vr = data[begin : begin + 4], data[begin + 4 : begin + 6]
        length = _LENGTH if vr in _LONG else _SHORT_LENGTH
        head = data[begin : value - length.size]
        if vr == b"SQ":
            yield from _nested(head, _joined(_items(data, value, stop, holes)))
        elif name := holes.name(tag, data[value:stop]):
            yield _Hole(head, length, name)
        else:
            yield data[begin:stop]


def _items(data: bytes, start: int, end: int, holes: Holes) -> Iterator[_Part]:
    while start < end:
        value = start + 8
        stop = value + _LENGTH.unpack(data[start + 4 : value])[0]
        if data[value : value + 6] == _MARK_HEAD:
            yield _Items(data[value + 12 : stop].decode().rstrip().removeprefix(_MARK))
        else:
            yield from _nested(data[start : start + 4], _joined(_parts(data, value, stop, holes)))
        start = stop


def _nested(head: bytes, parts: list[_Part]) -> Iterator[_Part]:
    """Bytes where nothing inside differs, for they never change their length."""
    if any(not isinstance(part, bytes) for part in parts):
        yield _Nested(head, parts)
    else:
        inside = b"".join(part for part in parts if isinstance(part, bytes))
        yield head + _LENGTH.pack(len(inside)) + inside


def _joined(parts: Iterator[_Part]) -> list[_Part]:
    """The same with one piece of bytes where several follow each other."""
    joined: list[_Part] = []
    for part in parts:
        if isinstance(part, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += part
        else:
            joined.append(part)
    return joined
