"""An installation of its own for a benchmark: migrated, served by the web server of `synthlab up`, with people logged in.

What needs Django runs in a process of its own, so that the benchmark's own settings and memory stay out of it. `served`
starts such a process and reads the one line of facts that it prints; `serve` is the other side. `finished` waits for its end.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.harness import ROOT

PATIENCE_SECONDS = 60


@contextmanager
def served(module: str, spec: dict[str, Any], *verb: str) -> Iterator[dict[str, Any]]:
    """What `python -m MODULE [VERB] SPEC.json` says about the installation that it serves until this context ends."""
    with _command(module, spec, verb) as command:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_own_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdout
            told = next((line for line in child.stdout if line.startswith("{")), None)
            if told is None:
                raise RuntimeError(f"{module} did not start")
            yield json.loads(told)
        finally:
            child.communicate()  # the end of its input is the end of its work


def finished(module: str, spec: dict[str, Any], *verb: str, **environment: str) -> dict[str, Any]:
    """What `python -m MODULE [VERB] SPEC.json` says last, when it has done all."""
    with _command(module, spec, verb) as command:
        own = _own_environment() | environment
        done = subprocess.run(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def _command(module: str, spec: dict[str, Any], verb: Sequence[str]) -> Iterator[list[str]]:
    """The spec gets a `home`: a new one, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="synthlab-bench-") as folder:
        path = Path(folder) / "spec.json"
        path.write_text(json.dumps({**spec, "home": str(Path(folder) / "home")}), encoding="utf-8")
        yield [sys.executable, "-m", module, *verb, str(path)]


def _own_environment() -> dict[str, str]:
    """A database that the caller's environment names is never touched."""
    return {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}


def serve(home: Path, facts: dict[str, Any]) -> None:
    """Serve this installation until standard input ends; `facts` and its `url` are told first."""
    with web_server(home) as url:
        print(json.dumps({**facts, "url": url}), flush=True)
        sys.stdin.read()


def prepare_home(home: Path) -> None:
    """Set Django up for an empty home, and make its tables and collected files."""
    os.environ.update({"SYNTHLAB_HOME": str(home), "DJANGO_SETTINGS_MODULE": "synthlab.settings"})
    import django

    django.setup()
    from synthlab.core.starting import prepare

    prepare(lambda message: None)


@contextmanager
def web_server(home: Path) -> Iterator[str]:
    """The URL of the product's own web server, warm."""
    from synthlab.core.parts import web_plan
    from synthlab.core.starting import address_of, listen

    listener = listen("127.0.0.1:0")
    url = f"http://{address_of(listener)}"
    plan = web_plan(listener, {})
    with (home / "web.log").open("ab") as log:
        process = subprocess.Popen(
            list(plan.argv), env={**os.environ, "SYNTHLAB_BIND": address_of(listener)}, stdout=log, stderr=log,
            pass_fds=[listener.fileno()],
        )  # fmt: skip
    try:
        wait_for(f"{url}/livez")
        yield url
    finally:
        process.terminate()
        process.wait()
        listener.close()


def wait_for(url: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Until somebody answers there with 200."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=1).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"nobody answers at {url}")


def cookies_of(person: Any) -> dict[str, str]:
    """The cookies of a browser in which this person is logged in."""
    from django.conf import settings
    from django.middleware.csrf import _get_new_csrf_string
    from django.test import Client

    browser = Client()
    browser.force_login(person)
    return {
        settings.SESSION_COOKIE_NAME: browser.cookies[settings.SESSION_COOKIE_NAME].value,
        settings.CSRF_COOKIE_NAME: _get_new_csrf_string(),
    }


def client_of(url: str, cookies: dict[str, str]) -> httpx.Client:
    """A connection that speaks for whoever has these cookies, as their browser does."""
    token = next(value for name, value in cookies.items() if "csrf" in name)
    headers = {"X-CSRFToken": token, "Origin": url}
    return httpx.Client(base_url=url, cookies=cookies, headers=headers, timeout=30)
