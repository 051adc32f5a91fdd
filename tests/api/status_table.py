"""The committed table of who gets which status where: read, compared, and proposed anew.

`python -m tests.api.status_table --write` asks every route as every role and writes what it saw; the difference is then
for a person to read, row by row: the table is the law, not the code.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.api.world import World

# In the order of the columns. `clinician` and `scientist` have no part in any of the rows asked about.
ROLES = ("anonymous", "clinician", "scientist", "reader", "reviewer", "manager", "member", "owner", "admin")
STRANGERS = ("clinician", "scientist")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

PATH = Path(__file__).with_name("status_table.toml")
WRITE_VARIABLE = "SYNTHLAB_WRITE_STATUS_TABLE"

Row = tuple[int, ...]
Table = dict[str, dict[str, Row]]

_HEAD = f"""\
# The status that each role gets from each route and method; columns: {", ".join(ROLES)}.
# clinician and scientist are strangers to every row; reader, reviewer and manager have their role in the study and no
# other; owner and member belong to the data set. A method that is not listed is not allowed: 405, or
# 302, 401 or 403 to those who may not come near. Propose rows with `python -m tests.api.status_table --write`, then read the difference.
"""


def is_refusal(row: Row) -> bool:
    """Whether a row says that the route has no such method: 405, or who may not even ask gets that first."""
    return row[0] in {302, 401, 403, 405} and set(row[1:]) in ({405}, {403, 405})


def load() -> Table:
    data = tomllib.loads(PATH.read_text()) if PATH.exists() else {}
    return {
        route: {method: tuple(int(word) for word in words.split()) for method, words in rows.items()}
        for route, rows in data.items()
    }


def save(table: Table) -> None:
    lines = [_HEAD]
    for route in sorted(table):
        lines.append(f'["{route}"]')
        for method in METHODS:
            if method in table[route]:
                lines.append(f'{method} = "{" ".join(str(status) for status in table[route][method])}"')
        lines.append("")
    PATH.write_text("\n".join(lines))


def observe(world: World, route: str) -> dict[str, Row]:
    """What a route answers to every role, for each method it has."""
    rows = {}
    for method in METHODS:
        # Whether there is such a method does not hang on the person: three of them say it for all.
        probes = [world.ask(role, method, route) for role in ("anonymous", "owner", "admin")]
        if not is_refusal(tuple(probes)):
            row = tuple(world.ask(role, method, route) for role in ROLES)
            rows[method] = row
    return rows


def server_errors(table: Table) -> list[str]:
    """Rows that no table may hold."""
    return [
        f"{method} {route}"
        for route, rows in table.items()
        for method, row in rows.items()
        if max(row) >= 500
    ]


def main() -> int:
    if sys.argv[1:] != ["--write"]:
        print(__doc__)
        return 2
    import pytest

    os.environ[WRITE_VARIABLE] = "1"
    return int(
        pytest.main(
            [
                "-q",
                "-p",
                "no:randomly",
                "-p",
                "no:cacheprovider",
                "--show-capture=no",
                str(Path(__file__).with_name("test_status_table.py")),
            ]
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
