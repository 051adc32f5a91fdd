"""`synthlab weights [import FILE]`: the extractors' weights that cannot be shipped."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from evaluation.ml.extractors import INCEPTION
from evaluation.ml.weights import HOW_TO_IMPORT, find_imported
from evaluation.services.extractor_weights import keep_weights
from generation.child import BadInput
from generation.processes import ChildFailed, run_verb
from synthlab.accounts.models import Role, User
from synthlab.core.exceptions import DomainError

CHILD = "evaluation.ml"


class Command(BaseCommand):
    help = "List the weights that were imported for evaluations, or import those that FID needs."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="import")
        taking = verbs.add_parser("import", help="check and take in the file of Inception weights")
        taking.add_argument("file", type=Path, metavar="FILE")
        taking.add_argument(
            "--by",
            metavar="USERNAME",
            help="the admin who brings them; need not be said where there is one only",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "import":
            self._import(options["file"].absolute(), _admin(options["by"]))
        else:
            self._list()

    def _list(self) -> None:
        found = find_imported(settings.WEIGHTS_ROOT, INCEPTION)
        if found is None:
            self.stdout.write(f"{INCEPTION}: not imported; reports say `fid` is unavailable. {HOW_TO_IMPORT}")
        else:
            self.stdout.write(f"{found.name}: {found.size:,} bytes, SHA-256 {found.sha256}")
            self.stdout.write(f"  from the file with SHA-256 {found.source_sha256}")

    def _import(self, file: Path, admin: User) -> None:
        settings.WEIGHTS_ROOT.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=settings.WEIGHTS_ROOT) as work:
            try:
                made = run_verb(CHILD, "import-weights", Path(work), {"file": str(file)})
                keep_weights(actor=admin, made=Path(work), name=made["name"])
            except (BadInput, DomainError) as refusal:
                raise CommandError(f"{refusal.detail} ({refusal.code})") from None
            except ChildFailed as failure:
                raise CommandError(f"nothing was kept: {failure}") from None
        self.stdout.write("Imported. From now on evaluations give `fid` too:")
        self._list()


def _admin(username: str | None) -> User:
    """Whose name stands in the audit."""
    admins = User.objects.filter(role=Role.ADMIN, is_active=True)
    found: list[User] = list(admins.filter(username__iexact=username) if username else admins[:2])
    if len(found) == 1:
        return found[0]
    if username:
        raise CommandError(f"{username} is no active admin")
    raise CommandError(
        "say with --by which admin brings the weights"
        if found
        else "there is no admin yet: synthlab create-admin"
    )
