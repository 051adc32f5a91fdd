"""Text in cells of spreadsheets, which take some of it for formulas and run them."""

from __future__ import annotations

import re

# What begins a formula in Excel, LibreOffice or Google Sheets, in its wide form, too; also after a character that a
# spreadsheet of another country takes for the end of a cell, and behind blanks, which some of them cut off.
_FORMULA = re.compile(
    r"(^|[,;|\t\r\n\"'])([\s\u200b\ufeff\x00-\x1f]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])"
)


def safe_cell(value: object) -> str:
    """The text with an apostrophe before everything that a spreadsheet could take for a formula; None is empty."""
    text = "" if value is None else str(value)
    return _FORMULA.sub(r"\1'\2", text)
