"""`synthlab demo_people`: the cast of demo and smoke, printed once as JSON; refuses a home that has people."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from synthlab.accounts.models import User
from synthlab.demo.people import make_cast


class Command(BaseCommand):
    help = "Make the people of a demonstration and print their passwords and tokens, once."

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            raise CommandError("this home has people already; a demonstration never adds to them")
        self.stdout.write(json.dumps({name: asdict(person) for name, person in make_cast().items()}))
