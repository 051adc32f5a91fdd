"""Label Studio (Apache-2.0) from PyPI, in an environment of its own, on SQLite, served as `label-studio start` does."""

import os
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.harness import ROOT
from bench.installation import wait_for

VERSION = "1.23.2"
FOLDER = ROOT / "var" / "peers" / "labelstudio"
TOKEN = "0" * 40  # of an installation that lives for minutes and listens on the loopback address
START_SECONDS = 600  # its migrations run at the first start
IMPORTED_AT_ONCE = 1000
BOX: dict[str, Any] = {
    "type": "rectanglelabels", "from_name": "label", "to_name": "image", "original_width": 64, "original_height": 64,
    "image_rotation": 0,
    "value": {"x": 10, "y": 10, "width": 40, "height": 30, "rotation": 0, "rectanglelabels": ["gland"]},
}  # fmt: skip
CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="gland"/></RectangleLabels></View>'
)


def program() -> Path:
    """Its command; installed at the first call, and again when the version here changes."""
    command, mark = FOLDER / "bin" / "label-studio", FOLDER / "complete"
    if not mark.exists() or mark.read_text() != VERSION:
        print(f"installing Label Studio {VERSION} for the comparison", file=sys.stderr)
        venv.create(FOLDER, with_pip=True, clear=True)
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", f"label-studio=={VERSION}"]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        mark.write_text(VERSION)
    return command


@dataclass(frozen=True)
class LabelStudio:
    """Its REST API, for the one person it knows."""

    client: httpx.Client

    def make_project(self, tasks: Sequence[dict[str, Any]], config: str = CONFIG) -> int:
        """A project with these tasks, and with the annotations that they bring."""
        body = {"title": f"{len(tasks)} tasks", "label_config": config}
        project: int = self._post("/api/projects/", body).json()["id"]
        for start in range(0, len(tasks), IMPORTED_AT_ONCE):
            self._post(f"/api/projects/{project}/import", tasks[start : start + IMPORTED_AT_ONCE])
        return project

    def next_task(self, project: int) -> int:
        """What its labelling stream asks for."""
        answer = self.client.get(f"/api/projects/{project}/next/")
        answer.raise_for_status()
        task: int = answer.json()["id"]
        return task

    def save(self, project: int, task: int) -> None:
        body = {"result": [BOX], "lead_time": 6.2}
        self._post(f"/api/tasks/{task}/annotations/?project={project}", body)

    def export(self, project: int, target: Path) -> None:
        """COCO without images, which it would fetch one by one over HTTP."""
        asked = {"exportType": "COCO", "download_all_tasks": "true", "download_resources": "false"}
        with self.client.stream("GET", f"/api/projects/{project}/export", params=asked) as answer:
            answer.raise_for_status()
            with target.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)

    def _post(self, path: str, body: object) -> httpx.Response:
        answer = self.client.post(path, json=body)
        answer.raise_for_status()
        return answer


@contextmanager
def label_studio(folder: Path) -> Iterator[LabelStudio]:
    """A running one with nothing in it; its files go below `folder`. It is told to report to nobody."""
    port = _free_port()
    quiet = {
        "LATEST_VERSION_CHECK": "False",
        "COLLECT_ANALYTICS": "False",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    own = {"HOME": str(folder), "LABEL_STUDIO_BASE_DATA_DIR": str(folder), "DJANGO_DB": "sqlite", **quiet}
    command = [
        str(program()), "start", "--no-browser", "--log-level", "WARNING", "--internal-host", "127.0.0.1",
        "--port", str(port), "--username", "reader@example.org", "--password", "only for minutes",
        "--user-token", TOKEN, "--enable-legacy-api-token",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={"PATH": os.environ["PATH"], **own}, stdout=log, stderr=log
        )
    try:
        wait_for(f"{url}/health", START_SECONDS)
        headers = {"Authorization": f"Token {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, timeout=600) as client:
            yield LabelStudio(client)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
