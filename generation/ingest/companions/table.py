"""A table (CSV) that gives files their class, and their patient or slide."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generation.ingest.boxes import CLASS_LENGTH, class_name
from generation.ingest.rejection import RejectedError

FILE = ("file", "filename", "file_name", "image")
CLASS = ("class", "label")
# What a person calls a group goes first; of a patient's slides none may part from the others.
GROUP = ("group", "patient", "patient_id", "slide", "slide_id")

_DELIMITERS = (",", ";", "\t")
_GROUP_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the file as it is written there, its class and its group ("" where it gives none)."""

    line: int
    file: str
    label: str
    group: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be used, and why."""

    line: int
    code: str
    facts: Mapping[str, int | str]


def read_table(content: bytes, most: int) -> list[Row | BadRow]:
    """The lines of a table with a header.

    Args:
        content: UTF-8, with or without a byte order mark; columns parted by comma, semicolon or tab.
        most: how many lines are taken.

    Raises:
        RejectedError: ``csv_encoding``, ``csv_damaged``, ``csv_header``, ``csv_too_long``.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RejectedError("csv_encoding") from error
    first = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count), strict=True
    )
    rows: list[Row | BadRow] = []
    try:
        header = next(reader, [])
        columns = columns_of(header)
        if columns is None:
            raise RejectedError("csv_header")
        for cells in reader:
            if len(rows) == most:
                raise RejectedError("csv_too_long", limit=most)
            if any(cell.strip() for cell in cells):
                rows.append(_row(reader.line_num, cells, columns, len(header)))
    except csv.Error as error:
        raise RejectedError("csv_damaged") from error
    return rows


def columns_of(header: Sequence[str]) -> tuple[int, int | None, int | None] | None:
    """Positions of file, class and group; None where there is no file column, or nothing beside it."""
    names = [name.strip().casefold() for name in header]
    file, label, group = (
        next((names.index(name) for name in wanted if name in names), None) for wanted in (FILE, CLASS, GROUP)
    )
    if file is None or (label is None and group is None) or len(set(names)) < len(names):
        return None
    return file, label, group


def looks_like_table(head: bytes) -> bool:
    """Whether the first line of a text names the columns of such a table."""
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    try:
        line = first.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return any(columns_of(line.replace('"', "").split(delimiter)) is not None for delimiter in _DELIMITERS)


def _row(
    line: int, cells: Sequence[str], columns: tuple[int, int | None, int | None], width: int
) -> Row | BadRow:
    if len(cells) != width:
        return BadRow(line, "csv_columns", {"line": line, "found": len(cells), "wanted": width})
    file, label, group = ("" if at is None else cells[at].strip() for at in columns)
    if not file:
        return BadRow(line, "csv_no_name", {"line": line})
    if label and class_name(label) is None:
        return BadRow(line, "csv_class", {"line": line, "limit": CLASS_LENGTH})
    if columns[2] is not None and not 0 < len(group) <= _GROUP_LENGTH:
        return BadRow(line, "csv_group", {"line": line, "limit": _GROUP_LENGTH})
    return Row(line, file, label, group)
