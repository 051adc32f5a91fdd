"""What has to be done before the parts of an installation can start, and that only one runs in a home."""

from __future__ import annotations

import fcntl
import io
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.core.management import call_command

from synthlab.core.checks import HOME_FOLDERS
from synthlab.core.job_sweep import clear_uploads


class AlreadyRunning(Exception):
    """Another `synthlab up` runs in this home."""


@dataclass(frozen=True)
class RunningInstallation:
    """What the file `run/up.json` says about a running installation."""

    pid: int
    url: str
    model_url: str | None


@contextmanager
def only_one(home: Path) -> Iterator[Path]:
    """Hold the home's lock; yields the folder for facts about this run.

    The system lets go of the lock when the process ends, however it ends.

    Raises:
        AlreadyRunning: Somebody holds it.
    """
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_running_words(folder)) from None
        try:
            yield folder
        finally:
            (folder / "up.json").unlink(missing_ok=True)


def _running_words(folder: Path) -> str:
    facts = read_announcement(folder.parent)
    where = f" at {facts.url} (process {facts.pid})" if facts else ""
    return (
        f"SynthLab already runs in this home{where}. Stop it first, or set SYNTHLAB_HOME to another folder."
    )


def announce(folder: Path, facts: RunningInstallation) -> None:
    """Write `run/up.json`: who runs, and where it answers. It appears once everything is ready."""
    pending = folder / "up.json.new"
    pending.write_text(json.dumps(asdict(facts)))
    pending.replace(folder / "up.json")


def read_announcement(home: Path) -> RunningInstallation | None:
    """What a running installation announced; none where none is ready."""
    try:
        return RunningInstallation(**json.loads((home / "run" / "up.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def prepare(say: Callable[[str], None]) -> None:
    """Bring database and files to where this code expects them.

    Raises:
        SystemCheckError: The configuration is not safe.
    """
    say("checking the configuration")
    for name in HOME_FOLDERS:
        Path(getattr(settings, name)).mkdir(parents=True, exist_ok=True, mode=0o700)
    call_command("check", fail_level="ERROR", stdout=io.StringIO())
    say("preparing the database")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("check", databases=["default"], tags=["database"], fail_level="ERROR", stdout=io.StringIO())
    if hasattr(storages["staticfiles"], "manifest_strict"):
        say("collecting the pages' files")
        call_command("collectstatic", interactive=False, verbosity=0)
    clear_uploads()


def listen(bind: str) -> socket.socket:
    """A listening socket on `host:port`; port 0 takes a free one.

    Raises:
        OSError: The address is taken or not ours.
    """
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, int(port)), family=family, backlog=2048)
    os.set_inheritable(listener.fileno(), True)
    return listener


def address_of(listener: socket.socket) -> str:
    """`host:port` of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def free_port() -> int:
    """A port on loopback that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
