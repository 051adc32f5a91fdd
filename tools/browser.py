"""Finds a Chromium for the browser tests, or has Playwright fetch one; says loudly when there is none.

`python -m tools.browser` prints what it found. It fails only where `SYNTHLAB_REQUIRE` names `chromium`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOUD = """\
********************************************************************************
  NO BROWSER: the browser tests will be skipped.
  Install one: on Debian `apt-get install chromium`, elsewhere
  `.venv/bin/playwright install chromium`, or set SYNTHLAB_CHROMIUM=/path/to/it.
********************************************************************************"""


def required() -> frozenset[str]:
    """What must be there on this machine: the comma-separated names in `SYNTHLAB_REQUIRE`."""
    return frozenset(filter(None, os.environ.get("SYNTHLAB_REQUIRE", "").replace(" ", "").split(",")))


def find_chromium() -> Path | None:
    """The browser to use: the one named, Debian's, one on PATH, or Playwright's own."""
    if named := os.environ.get("SYNTHLAB_CHROMIUM"):
        return Path(named) if Path(named).is_file() else None
    for name in NAMES:
        if path := shutil.which(name):
            return Path(path)
    return _playwrights_own()


def install_chromium() -> Path | None:
    """Has Playwright download its browser; None where it cannot."""
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False, timeout=600)
    return _playwrights_own()


def _playwrights_own() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def main() -> int:
    browser = find_chromium() or install_chromium()
    if browser:
        print(f"==> browser: {browser}")
        return 0
    print(LOUD, file=sys.stderr)
    return 1 if "chromium" in required() else 0


if __name__ == "__main__":
    raise SystemExit(main())
