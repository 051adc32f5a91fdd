"""Which code this is, for the provenance of everything it makes."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def code_version() -> str:
    """The package's version, with the commit where the source tree is a checkout: `0.1.0+1a2b3c4d5e6f`."""
    try:
        release = version("synthlab")
    except PackageNotFoundError:
        release = "0.0.0"
    commit = _commit(Path(__file__).resolve().parent.parent)
    return f"{release}+{commit}" if commit else release


def _commit(root: Path) -> str:
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
