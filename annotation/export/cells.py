"""Text in cells of spreadsheets, which take some of it for formulas and run them."""

from __future__ import annotations

import re

# What begins a formula in Excel, LibreOffice or Google Sheets, in its wide form, too: at the start of a cell, or after a
# character that a spreadsheet of another country takes for the end of one; blanks before it are cut off by some.
_FORMULA = re.compile(r"((?:^|[,;|\t\r\n\"'])[\s\u200b\ufeff\x00-\x1f]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def safe_cell(value: object) -> str:
    """The text with an apostrophe before everything that a spreadsheet could take for a formula; None is empty."""
    text = _FORMULA.sub(r"\1'", "" if value is None else str(value))
    return f"'{text}" if text.startswith(("\t", "\r", "\n")) else text
