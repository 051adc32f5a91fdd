"""Make one test job (`--make KIND`) or do one (`--do ID`), in a process that may be killed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from synthlab.core.jobs import enqueue_job, execute


class Command(BaseCommand):
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--make")
        parser.add_argument("--do")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["make"]:
            job = enqueue_job(options["make"], actor=None, subject=None)
            self.stdout.write(str(job.pk))
        else:
            execute(options["do"])
