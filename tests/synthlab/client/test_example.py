"""The example of the documentation, run as it stands against a real server, real jobs and a tiny real generator."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from generation.models import Batch, BatchState, Generator
from synthlab.client import BatchFolder, Client
from synthlab.core.files import path_of
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.e2e.server import LiveWeb
from tests.factories import make_token
from tests.generation import factories
from tests.generation.tiny import CLASSES, tiny_weights

HOW_TO = Path("docs") / "how-to"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = 200


@pytest.fixture
def generator(transactional_db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Generator:
    settings.TORCH_THREADS = 1
    monkeypatch.setattr(factories, "weights_file", tiny_weights)
    return factories.make_generator(state="approved", classes=tuple(CLASSES))


@pytest.fixture
def web(live_database_env: dict[str, str], tmp_path: Path) -> Iterator[LiveWeb]:
    server = LiveWeb(live_database_env, tmp_path)
    yield server
    server.stop()


def run_with_jobs(command: list[str], **options: Any) -> tuple[int, str, str]:
    """Run a program, and meanwhile what it queues."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    ) as process:
        end = time.monotonic() + SECONDS
        while process.poll() is None:
            for key in Job.objects.filter(state=JobState.QUEUED).values_list("pk", flat=True):
                execute(str(key))
            if time.monotonic() > end:
                process.kill()
            time.sleep(0.1)
        out, err = process.communicate()
    return process.returncode, out, err


def run_page(page: Path, web: LiveWeb, secret: str, folder: Path, *, blocks: int) -> list[str]:
    """Run the Python of a page, as it stands, in a folder; what it printed."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert len(found) == blocks
    script = folder / "example.py"
    script.write_text("\n".join(found), encoding="utf-8")
    env = {
        **os.environ, "SYNTHLAB_URL": web.url, "SYNTHLAB_TOKEN": secret, "PYTHONPATH": str(page.parents[2]),
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    status, out, err = run_with_jobs([sys.executable, str(script)], cwd=folder, env=env)
    assert status == 0, err
    return out.splitlines()


def test_the_example_runs_as_it_stands(
    generator: Generator, web: LiveWeb, repository: Path, tmp_path: Path
) -> None:
    _, secret = make_token(generator.dataset.owner)
    lines = run_page(repository / HOW_TO / "use-the-client.md", web, secret, tmp_path, blocks=5)
    shapes = [line.partition(" [")[0] for line in lines[:5]]
    assert shapes == ["(64, 3, 32, 32)"] * 4 + ["(44, 3, 32, 32)"]
    assert lines[5].startswith("rare-7/images/000000.png common ")
    assert lines[6].startswith("unknown_class class_mix: unknown rear")
    batch = Batch.objects.get()
    assert (batch.state, batch.class_mix) == (BatchState.SUCCEEDED, {"common": 200, "rare": 100})
    folder = BatchFolder(tmp_path / "rare-7")
    folder.verify()
    assert [image.digest for image in folder.images] == list(
        batch.images.order_by("index").values_list("digest", flat=True)
    )
    assert folder.classes == tuple(CLASSES)

    # The same request of another process, by its key; and a token that has ended.
    wish: dict[str, Any] = {"generator": str(generator.pk), "count": 300, "seed": 7, "key": "tonight-1"}
    with Client(web.url, secret) as lab:
        assert lab.request_batch(**wish).id == lab.request_batch(**wish).id
        assert [found.name for found in lab.datasets()] == [generator.dataset.name]
        assert lab.dataset(str(generator.dataset_id)).id == str(generator.dataset_id)


def ask_by_curl(page: Path, web: LiveWeb, secret: str, generator: Generator) -> None:
    """Run the page's commands with curl, as they stand but for the ids."""
    found = re.search(r"^```\n(curl .*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found
    asked, stood, fetched = re.split(r"(?<!\\)\n", found[1].strip())
    env = {**os.environ, "SYNTHLAB_URL": web.url, "SYNTHLAB_TOKEN": secret}

    def run(command: str) -> str:
        status, out, err = run_with_jobs(["bash", "-c", command], env=env)
        assert status == 0, err
        return out

    batch = json.loads(run(asked.replace('"ID"', f'"{generator.pk}"') + " && sleep 1"))["id"]
    told = json.loads(run(stood.replace("BATCH", batch)))
    assert (told["state"], told["class_mix"]) == ("succeeded", {"common": 1333, "rare": 667})
    run(fetched.replace("BATCH", batch))


@pytest.mark.slow  # a minute: 2,000 images, and all of them again
def test_an_order_is_proved_by_making_it_again(
    generator: Generator, web: LiveWeb, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = repository / HOW_TO / "order-a-batch.md"
    _, secret = make_token(generator.dataset.owner)
    lines = run_page(page, web, secret, tmp_path, blocks=3)
    assert lines[0] == "{'common': 1333, 'rare': 667}"
    assert lines[1].endswith(" 2000")

    monkeypatch.chdir(tmp_path)
    ask_by_curl(page, web, secret, generator)
    with zipfile.ZipFile("rare-7.zip") as archive:
        digests = [hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()]
    assert digests == [image.digest for image in BatchFolder("rare-7").images]

    Path("generator.safetensors").write_bytes(path_of(generator.digest).read_bytes())
    (console,) = re.findall(
        r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    replay, sample, diff = console.splitlines()
    for line in (replay, sample):
        call_command(*shlex.split(line)[1:], stdout=io.StringIO())
    assert subprocess.run(shlex.split(diff), capture_output=True, check=True).stdout == b""
