from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from synthlab.accounts.services.people import create_first_admin
from synthlab.core.exceptions import DomainError


class Command(BaseCommand):
    help = "Make the first admin and print the one-time link that sets the password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", default="admin")
        parser.add_argument("--name", default="", help="the shown name")
        parser.add_argument(
            "--address", default="", help="the web address people open, if it is not the bind address"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            issued = create_first_admin(username=options["username"], display_name=options["name"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        address = (options["address"] or settings.WEB_ADDRESS).rstrip("/")
        self.stdout.write(f"{address}{issued.path}")
        self.stderr.write(
            f"Open it to set the password of {issued.user.username}. It works once, until {issued.expires_at:%Y-%m-%d %H:%M} UTC."
        )
