"""`synthlab sweep-jobs`: queue again what lost its worker; `--loop` goes on doing so."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from synthlab.core.checks import OURS
from synthlab.core.jobs import sweep_jobs
from synthlab.logs import get_logger

log = get_logger(__name__)


class Command(BaseCommand):
    help = "Queue again the jobs that lost their worker or their message, and tidy the work folders."
    requires_system_checks = [OURS]  # not those of pages and API, which it never loads

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["loop"]:
            report = sweep_jobs()
            self.stdout.write(
                f"requeued {report.requeued}, ended {report.ended}, messages sent again {report.resent}, "
                f"folders removed {report.folders}"
            )
            return
        while True:
            try:
                sweep_jobs()
            except DatabaseError as error:
                log.warning("sweep_failed", error=str(error)[:200])
            connection.close()
            time.sleep(settings.JOB_SWEEP_SECONDS)
