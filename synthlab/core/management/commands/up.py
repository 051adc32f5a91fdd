"""`synthlab up`: web, workers and model service on this machine, as one command."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, SystemCheckError
from django.db import connections

from synthlab.core.models import Lane
from synthlab.core.parts import Part, Plan, model_plan, web_plan, worker_plan
from synthlab.core.starting import (
    AlreadyRunning,
    RunningInstallation,
    address_of,
    announce,
    free_port,
    listen,
    only_one,
    prepare,
)
from synthlab.core.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start web, workers and model service on this machine; Ctrl+C stops them all."
    requires_system_checks = ()  # `prepare` runs them, after the lock is held

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-model-service", action="store_true", help="start no model service")
        parser.add_argument("--free-ports", action="store_true", help="take any free ports on loopback")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            # The model service's sockets: ended the hard way, it leaves them behind. Not in the home, whose path may
            # be too long for a socket.
            with (
                only_one(settings.HOME) as folder,
                tempfile.TemporaryDirectory(prefix="synthlab-") as scratch,
            ):
                sys.exit(self._run(folder, scratch, options))
        except AlreadyRunning as error:
            raise CommandError(str(error)) from None
        except SystemCheckError as error:
            raise CommandError(f"refusing to start:\n{error}") from None

    def _run(self, folder: Path, scratch: str, options: dict[str, Any]) -> int:
        bind = "127.0.0.1:0" if options["free_ports"] else settings.BIND
        try:
            listener = listen(bind)
        except OSError as error:
            raise CommandError(f"cannot listen on {bind}: {error.strerror}") from None
        address = address_of(listener)
        model_url = None if options["no_model_service"] else self._model_url(options["free_ports"])
        environment = {"SYNTHLAB_BIND": address}
        if model_url is not None:
            environment["SYNTHLAB_MODEL_SERVICE_URL"] = model_url
        prepare(lambda line: print(f"up    | {line}", flush=True))
        connections.close_all()

        plans: list[Plan] = [web_plan(listener, environment)]
        plans += [worker_plan(lane, environment) for lane in Lane.values]
        if model_url is not None:
            service = {**environment, "TMPDIR": scratch}
            plans.append(model_plan(_model_spec(folder, model_url), settings.MODEL_SERVICE_SECRET, service))
        facts = RunningInstallation(os.getpid(), f"http://{address}", model_url)
        supervisor = Supervisor(
            [Part(plan, settings.ROOT) for plan in plans],
            on_tick=_Welcome(folder, facts),
            stop_seconds=settings.WORKER_STOP_SECONDS + 5,
        )
        return supervisor.run()

    def _model_url(self, free_ports: bool) -> str:
        return f"http://127.0.0.1:{free_port()}" if free_ports else settings.MODEL_SERVICE_URL


class _Welcome:
    """Says once where to go, as soon as the pages answer."""

    def __init__(self, folder: Path, facts: RunningInstallation) -> None:
        self._folder = folder
        self._facts = facts
        self._done = False
        self._next = 0.0

    def __call__(self) -> None:
        if self._done or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 1
        try:
            with urllib.request.urlopen(f"{self._facts.url}/livez", timeout=2) as answer:  # noqa: S310 (ours)
                self._done = answer.status == 200
        except (urllib.error.URLError, OSError):
            return
        announce(self._folder, self._facts)
        print(f"up    | SynthLab answers at {self._facts.url}", flush=True)
        if not apps.get_model(settings.AUTH_USER_MODEL).objects.exists():
            print(
                "up    | nobody can log in yet: run `synthlab create-admin` in another terminal", flush=True
            )
        connections.close_all()


def _model_spec(folder: Path, url: str) -> Path:
    target = urlsplit(url)
    spec = {
        "folder": str(settings.GENERATOR_ROOT),
        "work": str(folder),
        "host": target.hostname,
        "port": target.port,
        "threads": settings.TORCH_THREADS or None,
        "memory_mib": settings.MODEL_SERVICE_MEMORY_MIB,
    }
    path = folder / "model-service.json"
    path.write_text(json.dumps(spec))
    return path
