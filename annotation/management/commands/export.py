"""`synthlab export SNAPSHOT`: an archive of a signed snapshot, from this or another server."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from annotation.export.registry import FORMATS
from synthlab.core.management.server import add_server_arguments, client_of


class Command(BaseCommand):
    help = "write an archive of a signed snapshot in one of the formats, and download it"
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("snapshot", type=UUID, help="the id of a signed snapshot")
        parser.add_argument(
            "--format", default="coco", choices=sorted(FORMATS), help="%(default)s when left out"
        )
        parser.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="what the format is told; repeatable",
        )
        parser.add_argument("--out", type=Path, default=Path(), help="the file to make, or a folder")
        add_server_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wish = dict(_pair(text) for text in options["option"])
        try:
            with client_of(options) as client:
                export = client.export(snapshot=options["snapshot"], format=options["format"], options=wish)
                written = export.wait().download(options["out"])
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{written}\nSHA-256 {export.record.digest}\ncheck it: synthlab verify {written}")


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise CommandError(f"--option {text}: expected NAME=VALUE")
    return name, value
