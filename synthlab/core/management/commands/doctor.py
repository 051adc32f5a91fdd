"""`synthlab doctor`: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from synthlab.core.checks import missing_audit_triggers
from synthlab.core.health import readiness
from synthlab.core.starting import read_announcement


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, `note` (works without) or `bad` (does not work)."""

    level: str
    name: str
    detail: str


class Command(BaseCommand):
    help = "Look at Python, packages, database, disk and pages' files, and say what is missing."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--strict", action="store_true", help="notes count as failures")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = [*_machine(), *_packages(), *_database(), *_pages(), *_installation()]
        for finding in findings:
            style = {"ok": self.style.SUCCESS, "note": self.style.WARNING, "bad": self.style.ERROR}[
                finding.level
            ]
            self.stdout.write(f"{style(f'{finding.level:<5}')} {finding.name:<16} {finding.detail}")
        bad = {"bad", "note"} if options["strict"] else {"bad"}
        if any(finding.level in bad for finding in findings):
            sys.exit(1)


def _machine() -> Iterator[Finding]:
    yield Finding("ok" if sys.version_info >= (3, 11) else "bad", "python", platform.python_version())
    memory = psutil.virtual_memory()
    yield Finding(
        "ok" if memory.total > 3 * 1024**3 else "note",
        "machine",
        f"{psutil.cpu_count()} processors, {memory.total / 1024**3:.0f} GiB of memory "
        f"({memory.available / 1024**3:.0f} free)",
    )
    usage = shutil.disk_usage(settings.HOME if settings.HOME.exists() else settings.ROOT)
    level = "ok" if usage.free > max(0.05 * usage.total, 1024**3) else "bad"
    yield Finding(level, "disk", f"{usage.free / 1024**3:.1f} of {usage.total / 1024**3:.0f} GiB free")


def _packages() -> Iterator[Finding]:
    for name in ("django", "django-q2", "pillow", "pydicom"):
        yield Finding("ok", name, version(name))
    # Looked up, not imported: only child processes load torch.
    for module, package in (("torch", "torch"), ("litserve", "litserve"), ("psycopg", "psycopg")):
        try:
            present = importlib.util.find_spec(module) is not None
            yield Finding(
                "ok" if present else "note", package, version(package) if present else _missing(package)
            )
        except PackageNotFoundError:
            yield Finding("note", package, _missing(package))
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    yield Finding(
        "ok" if chromium else "note", "chromium", "found" if chromium else "missing: browser tests need it"
    )


def _missing(package: str) -> str:
    extra = "postgres" if package == "psycopg" else "generation"
    return f'missing: install the extra "{extra}" (pip install "synthlab[{extra}]")'


def _database() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version"
            )
            (number,) = cursor.fetchone()
            yield Finding("ok", "database", f"{connection.vendor} {number}")
            if connection.vendor == "sqlite":
                for pragma in ("journal_mode", "synchronous", "foreign_keys"):
                    cursor.execute(f"PRAGMA {pragma}")
                    yield Finding("ok", f"  {pragma}", str(cursor.fetchone()[0]))
        for name in missing_audit_triggers():
            yield Finding("bad", "audit", f"the trigger {name} is missing")
    except DatabaseError as error:
        yield Finding("bad", "database", f"does not answer: {str(error).strip().splitlines()[0]}")


def _pages() -> Iterator[Finding]:
    vendors = [folder[0] for folder in settings.STATICFILES_DIRS if isinstance(folder, tuple)]
    present = "vendor/uplot" in vendors
    yield Finding("ok" if present else "bad", "uplot", "found" if present else "missing: run `make node`")
    collected = (Path(settings.STATIC_ROOT) / "staticfiles.json").exists()
    yield Finding(
        "ok" if collected else "note",
        "pages' files",
        "collected" if collected else "`synthlab up` collects them",
    )


def _installation() -> Iterator[Finding]:
    running = read_announcement(settings.HOME)
    yield Finding("ok", "running", f"at {running.url}" if running else "no")
    for name, state in readiness().items():
        yield Finding("ok" if state == "ok" else "bad", f"  {name}", state)
