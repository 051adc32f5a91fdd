"""What a test may need from the machine, and what happens where it is missing.

`SYNTHLAB_REQUIRE` (comma-separated names) turns the skip into a failure; continuous integration sets it.
"""

import shutil
from typing import NoReturn

import pytest

from tools.browser import required


def missing(name: str, reason: str) -> NoReturn:
    """Skips the test with a reason, or fails it where `name` is required."""
    if name in required():
        pytest.fail(f"{name} is required here and missing: {reason}")
    pytest.skip(f"{name}: {reason}")


def program(name: str, *, package: str) -> str:
    """The path of a system program that comes with a Debian package; skips or fails without it."""
    path = shutil.which(name)
    if path is None:
        missing(package, f"{name} is not on PATH (Debian package {package})")
    return path
