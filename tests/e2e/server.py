"""The product's own web server on the test's database: gunicorn, collected files, the product's own settings."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from synthlab.core.parts import web_plan
from synthlab.core.starting import address_of, listen

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
# By this name PostgreSQL knows the connections of these servers.
APPLICATION = "synthlab-web-under-test"


class LiveWeb:
    """A web server in a process of its own; `url` is its origin.

    Args:
        env: Where it finds rows and files: `product_env`.
        folder: For its log and static files.
        workers: How many processes answer.
        has_pages: Whether static files are collected; REST does without.
    """

    def __init__(
        self, env: dict[str, str], folder: Path, *, workers: int = 1, has_pages: bool = True
    ) -> None:
        self._listener = listen("127.0.0.1:0")
        address = address_of(self._listener)
        self.url = f"http://{address}"
        self.log = folder / "web.log"
        self._env = {
            **env,
            "PGAPPNAME": APPLICATION,
            "SYNTHLAB_BIND": address,
            "SYNTHLAB_STATIC_ROOT": str(folder / "static"),
            "SYNTHLAB_WEB_WORKERS": str(workers),
        }
        if has_pages:
            self._collect()
        self._process = self._start()

    def _collect(self) -> None:
        command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=self._env, check=True)

    def _start(self) -> subprocess.Popen[bytes]:
        plan = web_plan(self._listener, {})
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                list(plan.argv),
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=log,
                pass_fds=[self._listener.fileno()],
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise RuntimeError(f"the web server did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        return process

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/livez", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.close()


def product_env(database_url: str, home: Path) -> dict[str, str]:
    """The environment in which the product finds this test run's rows and files."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "synthlab.settings",
        "DATABASE_URL": database_url,
        "SYNTHLAB_HOME": str(home),
    }
