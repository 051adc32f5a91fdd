from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from synthlab.accounts.models import OneTimeLink
from synthlab.core.api.idempotency import forget_old_keys

KEEP_LINKS = timedelta(days=30)


class Command(BaseCommand):
    help = "Remove expired sessions, links that are long past use, and old idempotency keys."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("clearsessions")
        links = OneTimeLink.objects.filter(expires_at__lt=timezone.now() - KEEP_LINKS).delete()[0]
        self.stdout.write(f"removed: {links} links, {forget_old_keys()} idempotency keys")
