"""`synthlab verify FILE.zip`: check an export with nothing but the export."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.export.registry import FORMATS
from annotation.export.verify import BadArchiveError, verify_archive


class Command(BaseCommand):
    help = "check an export archive: every digest, signature, count, reference and byte; needs no database"
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path)
        parser.add_argument(
            "--key", help="the public key it must be signed with, as the page of the snapshot shows it"
        )
        parser.add_argument("--json", action="store_true", help="print what was found as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = verify_archive(options["archive"])
        except BadArchiveError as error:
            raise CommandError(f"BAD: {error}") from error
        except OSError as error:
            raise CommandError(f"cannot read the archive: {error.strerror}") from error
        if options["key"] and found.key != options["key"].lower():
            raise CommandError(f"BAD: it is signed with another key: {found.key or 'with none'}")
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), sort_keys=True))
            return
        signed = f"signed with the key {found.key}" if found.signed else "not signed"
        self.stdout.write(
            f"whole: {found.images} images, {found.regions} regions, {found.files} files\n{signed}\n"
            f"snapshot {found.snapshot_digest}\narchive  {found.digest}"
        )
        if not found.compared:
            needed = FORMATS[found.format].check_needs
            self.stdout.write(
                f"not compared with the labels: the format's own files, for want of the package {needed}; install it and verify again"
            )
