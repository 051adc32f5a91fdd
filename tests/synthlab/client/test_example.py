"""The example of the documentation, run as it stands against a real server, real jobs and a tiny real generator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generation.models import Batch, BatchState, Generator
from synthlab.client import BatchFolder, Client
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.e2e.server import LiveWeb
from tests.factories import make_token
from tests.generation import factories

PAGE = Path("docs") / "how-to" / "use-the-client.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CLASSES = ["common", "rare"]
SECONDS = 200


def tiny_weights(**_: Any) -> bytes:
    """An untrained generator of two classes."""
    import torch

    from generation.ml.networks import build_generator
    from generation.ml.weights import GeneratorRecord, serialise_generator

    record = GeneratorRecord(
        architecture="dcgan-s", image_size=factories.SIZE, channels=3, latent_size=8, filters=4, step=1,
        classes=tuple(CLASSES),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = build_generator(record.architecture, record.shape)
        # Statistics of the norms that are not the trivial ones.
        network.train()(torch.randn(16, record.latent_size), torch.zeros(16, dtype=torch.long))
    return serialise_generator(network, record)


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


def test_the_example_runs_as_it_stands(
    generator: Generator, web: LiveWeb, repository: Path, tmp_path: Path
) -> None:
    blocks = BLOCK.findall((repository / PAGE).read_text(encoding="utf-8"))
    assert len(blocks) == 5
    script = tmp_path / "example.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    _, secret = make_token(generator.dataset.owner)
    env = {
        **os.environ, "SYNTHLAB_URL": web.url, "SYNTHLAB_TOKEN": secret, "PYTHONPATH": str(repository),
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    status, out, err = run_with_jobs([sys.executable, str(script)], cwd=tmp_path, env=env)
    assert status == 0, err
    lines = out.splitlines()
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
