"""`synthlab verify FILE.zip`: check an export with nothing but the export."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.export.verify import BadArchiveError, verify_archive


class Command(BaseCommand):
    help = "check an export archive: every digest, count, reference and byte; needs no database"
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path)
        parser.add_argument("--json", action="store_true", help="print what was found as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = verify_archive(options["archive"])
        except BadArchiveError as error:
            raise CommandError(f"BAD: {error}") from error
        except OSError as error:
            raise CommandError(f"cannot read the archive: {error.strerror}") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), sort_keys=True))
            return
        signed = "signed" if found.signed else "not signed"
        self.stdout.write(
            f"whole: {found.images} images, {found.regions} regions, {found.files} files; {signed}\n"
            f"snapshot {found.snapshot_digest}\narchive  {found.digest}"
        )
