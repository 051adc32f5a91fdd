"""`synthlab run-worker --lane short`: one cluster of workers, for `synthlab up` and for machines of their own."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from synthlab.core.checks import OURS
from synthlab.core.jobs import Lane, run_cluster
from synthlab.core.parents import die_with_parent

_VARIABLE = "Q_CLUSTER_NAME"


class Command(BaseCommand):
    help = "Run the workers of one lane until stopped (SIGTERM to this process only)."
    requires_system_checks = [OURS]  # not those of pages and API, which it never loads

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--lane", choices=Lane.values, default=Lane.SHORT)

    def handle(self, *args: Any, **options: Any) -> None:
        lane = str(options["lane"])
        if os.environ.get(_VARIABLE) != lane:
            # The library reads its name once, at import: begin anew with the name in place.
            os.environ[_VARIABLE] = lane
            os.execv(sys.executable, [sys.executable, "-m", "synthlab", "run-worker", "--lane", lane])  # noqa: S606
        die_with_parent(forks_too=True)
        sys.exit(run_cluster(settings.WORKER_STOP_SECONDS))
