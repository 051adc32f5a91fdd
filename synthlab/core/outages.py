"""When the database itself fails: what was asked may succeed a moment later, and is told so."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

from synthlab.core.exceptions import Unavailable

# SQLite calls faults of a statement operational, too: those do not pass.
_FAULTS = ("no such", "near ", "too many", "incomplete input")


def database_outage(error: BaseException | None) -> Unavailable | None:
    """What to tell of an error that lies with the database; None for any other."""
    if not isinstance(error, OperationalError | InterfaceError) or str(error).startswith(_FAULTS):
        return None
    if "locked" in str(error):
        return Unavailable(
            "database_busy", "The database is busy. Nothing was changed; send the same request again."
        )
    return Unavailable(
        "database_unavailable",
        "The database does not answer at the moment. Send the same request again; with its Idempotency-Key nothing "
        "happens twice.",
    )
