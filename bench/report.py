"""Tables, and docs/benchmarks.md: one section a benchmark, replaced when that benchmark has run again."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HEAD = """\
# Benchmarks

Written by `make bench` and `make bench-full`. Contenders are timed in turns within one run on one machine; what counts
is the ratio. Run one again with `make bench B=name`.
"""
SECTION = re.compile(r"<!-- bench:(?P<name>[a-z0-9_]+) -->\n.*?<!-- /bench -->\n", re.DOTALL)


def table(columns: Sequence[str], rows: Sequence[Sequence[str | float | int]]) -> str:
    """A Markdown table whose columns line up in plain text too."""
    cells = [[str(column) for column in columns], *([_shown(value) for value in row] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def update_document(path: Path, record: dict[str, Any]) -> None:
    """Puts the record's section in place of its older one, or at the end; the other sections stay."""
    text = path.read_text(encoding="utf-8") if path.exists() else HEAD
    name = record["summary"]["bench"]
    older = [match for match in SECTION.finditer(text) if match["name"] == name]
    section = render(record)
    if older:
        text = text[: older[0].start()] + section + text[older[0].end() :]
    else:
        text = text.rstrip("\n") + "\n\n" + section
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def render(record: dict[str, Any]) -> str:
    """The section of one benchmark."""
    summary = record["summary"]
    machine = ", ".join(f"{key} {value}" for key, value in summary["machine"].items())
    today = datetime.date.today().isoformat()
    # Of an interrupted benchmark the last part's time says nothing.
    duration = f"{record['seconds']} s" if record["is_complete"] else "in parts so far"
    parts = [
        f"<!-- bench:{summary['bench']} -->",
        f"## {record['title']}",
        "",
        f"`make bench B={summary['bench']}` · {today} · {duration} · {machine}",
        "",
        table(["ratio", "measured", "aim", "held"], _aim_rows(summary)),
        "",
        table(record["columns"], record["rows"]),
        "",
        *(f"- {note}" for note in record["notes"]),
        "<!-- /bench -->",
        "",
    ]
    return "\n".join(parts)


def _aim_rows(summary: dict[str, Any]) -> list[list[str | float]]:
    rows: list[list[str | float]] = []
    for name, value in summary["ratios"].items():
        aim = summary["aims"].get(name, {})
        words = ", ".join(f"{bound.replace('_', ' ')} {limit:g}" for bound, limit in aim.items())
        held = all(value >= limit if bound == "at_least" else value <= limit for bound, limit in aim.items())
        rows.append([name, value, words or "–", ("yes" if held else "NO") if aim else "–"])
    rows.extend([name, "not measured", "", ""] for name in summary["unmeasured"])
    return rows


def _shown(value: str | float | int) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
