"""CSV tables beside the images: one of images, one of regions, one of classes; plain, or safe for spreadsheets.

The plain flavour is RFC 4180 and holds every value as it is. The spreadsheet flavour is for people who open the tables
in Excel or the like: every text that such a program could run as a formula is made harmless by an apostrophe, which
changes the value, so the flavour has a name of its own and says so in its loss ledger.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from annotation.export.canonical import canonical_json
from annotation.export.cells import safe_cell
from annotation.export.formats import Format, Member, Source
from annotation.export.images import all_pngs, check_images, describe_pngs
from annotation.export.ledger import RECIPE, LossKind
from annotation.export.member import read_class, read_member
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import ClassRow, MemberRow
from annotation.geometry import bounds

IMAGES = "images/"
# The mark by which spreadsheets know UTF-8.
_MARK = "\ufeff"
Table = Iterator[Sequence[Any]]


def write_tables(source: Source, *, spreadsheet: bool) -> Iterator[Member]:
    """The three tables and the images, in order of their names."""
    release = source.release
    tables = {
        _name(stem, spreadsheet=spreadsheet): _lines(table, spreadsheet=spreadsheet)
        for stem, table in _tables(release.schema.classes, release.members, spreadsheet=spreadsheet).items()
    }
    *before, last = (Member(*row) for row in tables.items())
    yield from before
    yield from all_pngs(source, IMAGES)
    yield last


def check_tables(opened: Opened, labels: Mapping[str, Any], *, spreadsheet: bool) -> None:
    """The tables are those that the labels give, byte for byte.

    Raises:
        BadArchiveError: One is not.
    """
    check_images(opened, labels, lambda member: f"{IMAGES}{member['image']}.png", IMAGES)
    classes = [read_class(row) for row in labels["schema"]["classes"]]
    members = [read_member(row) for row in labels["members"]]
    for stem, table in _tables(classes, members, spreadsheet=spreadsheet).items():
        name = _name(stem, spreadsheet=spreadsheet)
        if opened.read(name) != b"".join(_lines(table, spreadsheet=spreadsheet)):
            raise BadArchiveError(name, "says other things than the labels")


def _name(stem: str, *, spreadsheet: bool) -> str:
    # `images-…` stands before `images/`, as `images.csv` does.
    return f"{stem}-spreadsheet.csv" if spreadsheet else f"{stem}.csv"


def _tables(
    classes: Iterable[ClassRow], members: Sequence[MemberRow], *, spreadsheet: bool
) -> dict[str, Table]:
    return {
        "classes": _class_rows(classes),
        "images": _image_rows(members, spreadsheet=spreadsheet),
        "regions": _region_rows(members),
    }


def _lines(table: Table, *, spreadsheet: bool) -> Iterator[bytes]:
    show: Callable[[Any], str] = safe_cell if spreadsheet else _plain
    quoting: Literal[0, 1] = csv.QUOTE_ALL if spreadsheet else csv.QUOTE_MINIMAL
    if spreadsheet:
        yield _MARK.encode()
    for row in table:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\r\n", quoting=quoting).writerow([show(value) for value in row])
        yield buffer.getvalue().encode()


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def _class_rows(classes: Iterable[ClassRow]) -> Table:
    yield ("key", "title", "kind", "code_system", "code", "code_display")
    for row in classes:
        yield (row.key, row.title, row.kind, row.code_system, row.code, row.code_display)


def _image_rows(members: Iterable[MemberRow], *, spreadsheet: bool) -> Table:
    columns = (
        "image",
        "file",
        "width",
        "height",
        "classes",
        "site",
        "confidence",
        "reader",
        "reviewers",
        "split",
    )
    yield columns if spreadsheet else (*columns, "recipe")
    for row in members:
        cells = (
            row.digest, f"{IMAGES}{row.digest}.png", row.width, row.height, " ".join(row.classes), row.site,
            row.confidence, row.reader, " ".join(row.reviewers), row.split,
        )  # fmt: skip
        yield cells if spreadsheet else (*cells, canonical_json(dict(row.recipe)).decode().strip())


def _region_rows(members: Iterable[MemberRow]) -> Table:
    yield ("image", "number", "class", "kind", "x", "y", "width", "height", "points")
    for row in members:
        for number, region in enumerate(row.regions, start=1):
            around = bounds(region.shape)
            points = " ".join(f"{x} {y}" for x, y in region.shape.points)
            box = (around.x, around.y, around.width, around.height)
            yield (row.digest, number, region.label, region.kind, *box, points)


def _tables_format(*, spreadsheet: bool) -> Format:
    flavour = "-spreadsheet" if spreadsheet else ""
    changed = LossKind(
        "apostrophes",
        "Text that a spreadsheet could run as a formula has an apostrophe before it; the plain flavour has it as it is.",
        lambda tally: tally.formula_like,
    )
    return Format(
        key="csv_spreadsheet" if spreadsheet else "csv",
        title="CSV tables, safe for spreadsheets" if spreadsheet else "CSV tables (RFC 4180)",
        summary="people with Excel or LibreOffice"
        if spreadsheet
        else "pandas, R, and everything that reads tables",
        write=partial(write_tables, spreadsheet=spreadsheet),
        check=partial(check_tables, spreadsheet=spreadsheet),
        owns=(IMAGES, *(_name(stem, spreadsheet=spreadsheet) for stem in ("classes", "images", "regions"))),
        losses=(RECIPE, changed) if spreadsheet else (),
        layout=(
            f"`images{flavour}.csv`, `regions{flavour}.csv`, `classes{flavour}.csv`: UTF-8, one row each.",
            "`images/`: the images, each named by the SHA-256 of its bytes.",
        ),
        croissant=lambda release: describe_pngs("images/*.png"),
    )


CSV = _tables_format(spreadsheet=False)
CSV_SPREADSHEET = _tables_format(spreadsheet=True)
