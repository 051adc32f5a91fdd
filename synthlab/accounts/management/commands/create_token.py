from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from synthlab.accounts.models import TokenScope, User
from synthlab.accounts.services.tokens import LONGEST_DAYS, create_token
from synthlab.core.exceptions import DomainError


class Command(BaseCommand):
    help = "Make an API token for a person and print it. Who can run this can read the database anyway."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="made on the command line")
        parser.add_argument("--scope", choices=TokenScope.values, default=TokenScope.WRITE)
        parser.add_argument("--days", type=int, default=LONGEST_DAYS)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["username"], is_active=True).first()
        if user is None:
            raise CommandError("There is no active person of this name.")
        try:
            issued = create_token(
                actor=user, name=options["name"], scope=options["scope"], days=options["days"]
            )
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(issued.secret)
