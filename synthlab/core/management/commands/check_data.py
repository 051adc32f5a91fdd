"""`synthlab check`: does the stored data keep every promise? Every fault test ends with it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from synthlab.core.invariants import find_violations, invariant_names, named_digests

_SLOW = {"every stored file holds the bytes of its name"}
_SHOWN = 20


class Command(BaseCommand):
    help = "Check that the stored data keeps every promise: rows, files, digests, audit chains."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quick", action="store_true", help="do not read the stored files")
        parser.add_argument("--list", action="store_true", help="print the promises and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [name for name in invariant_names() if not (options["quick"] and name in _SLOW)]
        if options["list"]:
            self.stdout.write("\n".join(names))
            return
        call_command("check", databases=["default"], tags=["synthlab", "database"], stdout=self.stdout)
        broken = sum(not self._holds(name) for name in names)
        files = len({digest for _, digest in named_digests()})
        self.stdout.write(
            f"{len(names) - broken} of {len(names)} promises hold; {files} files are named by rows"
        )
        if broken:
            sys.exit(1)

    def _holds(self, name: str) -> bool:
        violations = list(find_violations([name]))
        if not violations:
            self.stdout.write(f"holds   {name}")
            return True
        self.stdout.write(self.style.ERROR(f"BROKEN  {name}: {len(violations)} times"))
        for violation in violations[:_SHOWN]:
            self.stdout.write(f"        {violation.detail}")
        if len(violations) > _SHOWN:
            self.stdout.write(f"        … and {len(violations) - _SHOWN} more")
        return False
