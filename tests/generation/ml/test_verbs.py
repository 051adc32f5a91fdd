"""The three verbs as real processes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from generation.child import BadInput, Reporter
from generation.ml.png import decode_png
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.verbs import sample_verb, train_verb
from generation.ml.weights import read_record
from generation.pixels import pixel_digest
from tests.generation.ml.conftest import CPU, TINY

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a secret for this test only"


def start(verb: str, spec: dict[str, Any], folder: Path) -> subprocess.Popen[bytes]:
    path = folder / f"{verb}.json"
    path.write_text(json.dumps({"work": str(folder), "threads": 1, **spec}))
    return subprocess.Popen(
        [sys.executable, "-m", "generation.ml", verb, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if verb != "serve" else subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SYNTHLAB_MODEL_SERVICE_SECRET": SECRET},
    )


def run(verb: str, spec: dict[str, Any], folder: Path) -> tuple[int, list[dict[str, Any]], str]:
    with start(verb, spec, folder) as process:
        assert process.stdout
        assert process.stderr
        out, log = process.stdout.read(), process.stderr.read().decode()
        return process.wait(), [json.loads(line) for line in out.splitlines()], log


def test_train_and_sample_as_processes(make_manifest, tmp_path):
    spec = {"manifest": str(make_manifest()), "config": TINY, "resume_from": None, "code_version": "v1"}
    status, lines, log = run("train", spec, tmp_path)
    assert status == 0, log
    result = lines[-1]
    weights = Path(result["weights"])
    assert result["digest"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (result["stopped"], result["step"]) == (False, 6)
    assert result["card"]["is_repeatable"]
    assert result["card"]["data"] == {
        "manifest_digest": "m" * 64, "images": 24, "monitor_images": 0, "classes": {}, "scaled_from_16_bits": 0
    }  # fmt: skip

    images = [{"index": index, "class": None} for index in (0, 1, 5)]
    wish = {"weights": str(weights), "generator_digest": result["digest"], "seed": 3, "images": images}
    status, lines, log = run("sample", {**wish, "truncation": 1.0, "dtype": "float32"}, tmp_path)
    assert status == 0, log
    rows = [json.loads(line) for line in Path(lines[-1]["manifest"]).read_text().splitlines()]
    assert [row["index"] for row in rows] == [0, 1, 5]
    assert lines[-1]["recipe"]["generator"] == result["digest"]
    for row in rows:
        content = (tmp_path / row["file"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (row["digest"], row["size"])
        assert (row["width"], row["height"]) == (16, 16)
        assert row["pixel_digest"] == pixel_digest(decode_png(content))


@pytest.mark.faults
def test_killed_training_process_resumes_to_the_same_digest(make_manifest, tmp_path):
    manifest = str(make_manifest())
    config = {**TINY, "steps": 60, "sample_every": 20, "checkpoint_every": 20}
    folders = [tmp_path / name for name in ("whole", "killed", "again")]
    for folder in folders:
        folder.mkdir()
    spec = {"manifest": manifest, "config": config, "resume_from": None, "code_version": "v1"}
    whole = run("train", spec, folders[0])[1][-1]
    with start("train", spec, folders[1]) as process:
        assert process.stdout
        cursor = next(line for line in map(json.loads, process.stdout) if line["type"] == "cursor")["cursor"]
        process.send_signal(signal.SIGKILL)
    again = run("train", {**spec, "resume_from": cursor["checkpoint"]}, folders[2])[1][-1]
    assert again["step"] == 60
    assert again["digest"] == whole["digest"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"config": {**TINY, "image_size": 32}}, "wrong_size"),
        ({"config": {"steps": -1}}, "bad_config"),
        ({"manifest": "/nowhere.json"}, "bad_manifest"),
        ({"resume_from": "/nowhere"}, "bad_checkpoint"),
    ],
)
def test_bad_training_request_is_refused(make_manifest, tmp_path, change, code):
    spec = {"manifest": str(make_manifest()), "config": TINY, "resume_from": None, "code_version": "v1"}
    with pytest.raises(BadInput) as refusal:
        train_verb({"work": str(tmp_path), **spec, **change}, Reporter(print))
    assert refusal.value.code == code


def test_generator_file_names_the_precision_that_auto_became(make_manifest, tmp_path):
    spec = {
        "work": str(tmp_path),
        "manifest": str(make_manifest()),
        "config": {**TINY, "dtype": "auto", "steps": 1},
    }
    result = train_verb(spec, Reporter(print))
    assert read_record(Path(result["weights"])).config["dtype"] in {"float32", "bfloat16"}
    assert result["card"]["machine"]["dtype"] == read_record(Path(result["weights"])).config["dtype"]


def test_refusal_leaves_the_process_as_an_error_line(tmp_path):
    status, lines, _ = run("train", {"config": {"steps": -1}}, tmp_path)
    assert (status, lines[-1]["type"], lines[-1]["code"]) == (3, "error", "bad_config")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"images": []}, "no_images"),
        ({"images": [{"index": 0}, {"index": 0}]}, "bad_index"),
        ({"images": [{"index": 0, "class": 0}]}, "unknown_class"),
        ({"images": "all"}, "bad_request"),
        ({"generator_digest": "0" * 64}, "wrong_digest"),
    ],
)
def test_bad_sampling_request_is_refused(make_generator, tmp_path, change, code):
    path, generator = make_generator()
    spec = {"weights": str(path), "generator_digest": generator.digest, "seed": 1, "images": [{"index": 0}]}
    with pytest.raises(BadInput) as refusal:
        sample_verb({"work": str(tmp_path), **spec, **change}, Reporter(print))
    assert refusal.value.code == code


class Service:
    """A running model service."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.process = start("serve", {"folder": str(folder), "port": port}, folder)
        headers = {"X-Model-Service-Secret": SECRET}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if self.client.get("/health").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self.process.poll() is None, "the service ended"
            time.sleep(0.1)
        raise AssertionError("the service did not become ready")

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def close(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


def nothing_left(processes: list[psutil.Process], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def service(make_generator, tmp_path):
    path, generator = make_generator()
    running = Service(path.parent)
    running.wait_ready()
    yield running, path, generator
    running.close()


def test_service_gives_the_same_files_as_a_batch(service):
    running, path, generator = service
    requests = [ImageRequest(batch_seed=9, index=index) for index in range(20)]
    expected = {image.request.index: image.digest for image in Sampler(generator, CPU).sample(requests)}
    body = {"digest": generator.digest, "seed": 9, "count": 20}

    answer = running.client.post("/sample", json=body).raise_for_status().json()
    for image in answer["images"]:
        assert hashlib.sha256(base64.b64decode(image["png"])).hexdigest() == expected[image["index"]]
    later = running.client.post("/sample", json={**body, "count": 2, "first_index": 17}).json()
    assert [image["digest"] for image in later["images"]] == [expected[17], expected[18]]

    raw = running.client.post("/sample", json={**body, "format": "npz"}).content
    with np.load(io.BytesIO(raw)) as arrays:
        assert arrays["images"].shape == (20, 32, 32, 3)
        assert arrays["images"].dtype == np.uint8

    refusals: list[tuple[dict[str, Any], int]] = [
        ({"digest": "0" * 64}, 404),
        ({"digest": "../../etc/passwd"}, 422),
        ({"count": 0}, 422),
        ({"count": 257}, 422),
        ({"seed": -1}, 422),
        ({"truncation": 2}, 422),
        ({"classes": [1] * 20}, 422),
        ({"classes": [None]}, 422),
        ({"surprise": 1}, 422),
    ]
    for change, status in refusals:
        assert running.client.post("/sample", json={**body, **change}).status_code == status, change
    assert (
        running.client.post("/sample", content=b"{", headers={"content-type": "application/json"}).status_code
        == 422
    )
    for url in ("/sample", "/health", "/info"):
        method = "POST" if url == "/sample" else "GET"
        stranger = running.client.request(method, url, json=body, headers={"X-Model-Service-Secret": "no"})
        assert stranger.status_code == 401

    path.unlink()  # taken out of service, though it was in memory
    assert running.client.post("/sample", json=body).status_code == 404


@pytest.mark.faults
def test_service_survives_its_worker(service):
    running, _, generator = service
    body = {"digest": generator.digest, "seed": 1, "count": 1}
    before = running.client.post("/sample", json=body).json()["images"][0]["digest"]
    spawned = [p for p in running.descendants() if any("spawn_main" in part for part in p.cmdline())]
    assert len(spawned) == 1
    spawned[0].kill()
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            answer = running.client.post("/sample", json=body, timeout=5)
        except httpx.TimeoutException:
            continue
        if answer.status_code == 200:
            assert answer.json()["images"][0]["digest"] == before
            return
        time.sleep(0.2)
    raise AssertionError("the worker was not replaced")


@pytest.mark.faults
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "stop", "end of stdin"])
def test_nothing_of_the_service_stays_running(make_generator, how):
    path, _ = make_generator()
    running = Service(path.parent)
    try:
        running.wait_ready()
        family = running.descendants()
        assert len(family) >= 3  # manager, HTTP, worker
        assert running.process.stdin
        if how == "stop":
            running.process.stdin.write(b"stop\n")
            running.process.stdin.flush()
        elif how == "end of stdin":
            running.process.stdin.close()
        else:
            running.process.send_signal(getattr(signal, how))
        status = running.process.wait(15)
        assert status == {"SIGKILL": -signal.SIGKILL, "SIGTERM": 0, "stop": 0, "end of stdin": 129}[how]
        assert nothing_left(family)
    finally:
        running.close()


def test_service_refuses_to_start_without_a_secret(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.generation.ml.test_verbs.SECRET", "short")
    with start("serve", {"folder": str(tmp_path), "port": 18_999}, tmp_path) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["code"] == "no_secret"
        assert process.wait() == 3
