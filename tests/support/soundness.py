"""The promises of the floor, checked after every fault."""

from synthlab.core import core_invariants
from synthlab.core.invariants import Violation, _finders, find_violations


def core_violations() -> list[Violation]:
    """What is broken of the promises about jobs, files and the audit."""
    ours = [name for name, finder in _finders.items() if finder.__module__ == core_invariants.__name__]
    assert len(ours) >= 7
    return list(find_violations(ours))
