"""The model service as real processes: what it answers, what it bears, how it ends."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from generation.ml.png import XMP_KEY, decode_png, read_marks
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.seeding import image_seed, latent
from tests.generation.ml.conftest import CPU
from tests.generation.ml.serving import Service, holds_within, nothing_left


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def service(folder):
    """One service for all tests that leave it as it was."""
    with Service(folder) as running:
        running.wait_ready()
        yield running


@pytest.fixture
def served(make_generator, folder):
    """Puts a generator into service: untrained, 32 px, and as the test wants it."""

    def serve(**changes: Any):
        path, generator = make_generator(**changes)
        (folder / path.name).write_bytes(path.read_bytes())
        return generator

    return serve


def files_of(answer: httpx.Response) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.raise_for_status().content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def batch_files(generator: Any, seed: int, count: int, class_index: int | None = None) -> dict[str, bytes]:
    """What a batch makes of the same recipes."""
    requests = [ImageRequest(batch_seed=seed, index=index, class_index=class_index) for index in range(count)]
    return {f"{one.request.index:06d}.png": one.png for one in Sampler(generator, CPU).sample(requests)}


def test_the_same_files_as_a_batch_in_every_form(service, served):
    generator = served()
    expected = batch_files(generator, 9, 20)
    answer = service.sample(generator.digest, seed=9, count=20)
    assert files_of(answer) == expected
    assert answer.content == service.sample(generator.digest, seed=9, count=20).content
    assert json.loads(answer.headers["X-Synthlab-Recipe"])["generator"] == generator.digest
    later = files_of(service.sample(generator.digest, seed=9, count=2, first_index=17))
    assert later == {name: expected[name] for name in ("000017.png", "000018.png")}

    pixels = [decode_png(content) for content in expected.values()]
    with np.load(io.BytesIO(service.sample(generator.digest, seed=9, count=20, format="npz").content)) as raw:
        assert np.array_equal(raw["images"], np.stack(pixels))
        assert raw["seed"][3] == image_seed(generator.digest, 9, None, 3)
    grid = service.sample(generator.digest, seed=9, count=20, format="grid")
    assert grid.headers["content-type"] == "image/png"
    assert decode_png(grid.content).shape == (4 * 32, 5 * 32, 3)
    assert np.array_equal(decode_png(grid.content)[32:64, :32], pixels[5])
    assert "trainedAlgorithmicMedia" in read_marks(grid.content)[XMP_KEY]


def test_the_latents_of_a_seed_give_its_pixels(service, served):
    generator = served(classes=("one", "two"))
    vectors = [latent(image_seed(generator.digest, 5, 1, index), 16).tolist() for index in range(18)]
    answer = service.sample(generator.digest, latents=vectors, classes=[1] * 18)
    made = {name: decode_png(content).tolist() for name, content in files_of(answer).items()}
    expected = batch_files(generator, 5, 18, class_index=1)
    assert made == {name: decode_png(content).tolist() for name, content in expected.items()}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"digest": "0" * 64}, 404, "unknown_generator"),
        ({"digest": "../../etc/passwd"}, 422, "bad_request"),
        ({"count": 0}, 422, "bad_request"),
        ({"count": 257}, 422, "bad_request"),
        ({"count": None}, 422, "bad_request"),
        ({"seed": -1}, 422, "bad_request"),
        ({"truncation": 2}, 422, "bad_request"),
        ({"classes": [1] * 20}, 422, "unknown_class"),
        ({"classes": [None]}, 422, "bad_request"),
        ({"surprise": 1}, 422, "bad_request"),
        ({"latents": [[0.0] * 16]}, 422, "bad_request"),
        ({"seed": None, "count": None, "latents": [[0.0] * 15]}, 422, "bad_latents"),
        ({"seed": None, "count": None, "latents": [[1e300] * 16]}, 422, "bad_latents"),
        ({"seed": None, "count": None, "latents": [[0.0] * 16] * 257}, 422, "bad_request"),
    ],
)
def test_refusals_say_why(service, served, change, status, code):
    generator = served()
    answer = service.sample(**{"digest": generator.digest, "seed": 9, "count": 20, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize("secret", [None, "", "no", "a secret for this test onlY", "ä"])
def test_nobody_comes_in_without_the_secret(service, secret):
    headers = {} if secret is None else {"X-Model-Service-Secret": secret.encode()}
    for method, path in (
        ("POST", "/sample"), ("GET", "/health"), ("GET", "/metrics"), ("GET", "/info"), ("GET", "/")
    ):  # fmt: skip
        answer = httpx.request(method, service.url + path, headers=headers, trust_env=False)
        assert answer.status_code == 401, path
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert httpx.get(service.url + path, headers=headers, trust_env=False).status_code == 404


def test_concurrent_requests_share_passes_and_nobody_notices(service, served):
    """Mixed generators, sizes and kinds at once: each caller gets the files of a batch of his own."""
    plain, two = served(), served(classes=("one", "two"))
    asked = [
        (generator, seed, count)
        for seed, count in enumerate((1, 3, 16, 40, 2, 17))
        for generator in (plain, two)
    ]
    before = (
        service.metric("synthlab_model_pass_requests_sum"),
        service.metric("synthlab_model_pass_requests_count"),
    )

    def ask(generator: Any, seed: int, count: int) -> dict[str, bytes]:
        classes = [1] * count if generator is two else None
        return files_of(service.sample(generator.digest, seed=seed, count=count, classes=classes))

    with ThreadPoolExecutor(len(asked)) as callers:
        answers = list(callers.map(lambda one: ask(*one), asked))
    for (generator, seed, count), files in zip(asked, answers, strict=True):
        assert files == batch_files(generator, seed, count, 1 if generator is two else None)
    shared = service.metric("synthlab_model_pass_requests_sum") - before[0]
    assert shared > service.metric("synthlab_model_pass_requests_count") - before[1]


def test_a_damaged_file_is_the_trouble_of_its_own_callers_only(service, served, folder):
    whole, cut = served(), served(step=6)
    path = folder / f"{cut.digest}.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    answer = service.sample(cut.digest, seed=1, count=1)
    assert (answer.status_code, answer.json()["code"]) == (500, "wrong_digest")
    assert service.sample(whole.digest, seed=1, count=1).status_code == 200


def test_a_generator_that_is_taken_away_is_out_of_service(service, served, folder):
    generator = served(step=7)
    assert service.sample(generator.digest, seed=1, count=1).status_code == 200
    (folder / f"{generator.digest}.safetensors").unlink()  # though it is in memory
    assert service.sample(generator.digest, seed=1, count=1).status_code == 404


def test_metrics_tell_what_was_done(service, served):
    generator = served(step=8)
    names = ("images_total", "generator_loads_total", "request_seconds_count", "pass_images_sum")
    before = {name: service.metric(f"synthlab_model_{name}") for name in names}
    service.sample(generator.digest, seed=1, count=5).raise_for_status()
    service.sample(generator.digest, seed=2, count=0)
    after = {name: service.metric(f"synthlab_model_{name}") - before[name] for name in names}
    assert after == {
        "images_total": 5, "generator_loads_total": 1, "request_seconds_count": 2, "pass_images_sum": 5
    }  # fmt: skip
    assert service.metric('synthlab_model_requests_total{code="bad_request",status="422"}') >= 1
    assert service.metric("synthlab_model_images_waiting") == 0


def test_an_idle_service_costs_nothing(service):
    family = [psutil.Process(service.process.pid), *service.family()]
    before = sum(sum(one.cpu_times()[:2]) for one in family)
    time.sleep(3)
    assert sum(sum(one.cpu_times()[:2]) for one in family) - before < 0.15


@pytest.mark.faults
def test_killing_the_worker_answers_at_once_and_brings_another(make_generator):
    path, generator = make_generator(image_size=64, filters=64)  # some seconds for 256 images
    with Service(path.parent) as running:
        running.wait_ready()
        before = files_of(running.sample(generator.digest, seed=1, count=1))
        answers: list[tuple[float, httpx.Response]] = []

        def ask() -> None:
            with httpx.Client(headers=running.client.headers, timeout=60, trust_env=False) as client:
                body = {"digest": generator.digest, "seed": 1, "count": 256}
                answer = client.post(f"{running.url}/sample", json=body)
                answers.append((time.monotonic(), answer))

        caller = threading.Thread(target=ask)
        caller.start()
        assert holds_within(20, lambda: running.metric("synthlab_model_images_waiting") > 0)
        worker = running.worker()
        worker.kill()
        killed = time.monotonic()
        caller.join(20)
        answered, answer = answers[0]
        assert answered - killed < 2
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_lost")
        assert int(answer.headers["retry-after"]) > 0
        now = running.sample(generator.digest, seed=1, count=1)
        assert (now.status_code, now.json()["code"]) == (503, "starting")
        assert running.client.get("/health").status_code == 503
        assert holds_within(90, lambda: running.sample(generator.digest, seed=1, count=1).status_code == 200)
        assert files_of(running.sample(generator.digest, seed=1, count=1)) == before
        assert running.metric("synthlab_model_worker_starts_total") == 2
        assert nothing_left([worker])


@pytest.mark.faults
@pytest.mark.parametrize("who", ["manager", "http"])
def test_it_ends_whole_when_a_part_is_gone_that_it_cannot_replace(make_generator, who):
    path, _ = make_generator()
    with Service(path.parent) as running:
        running.wait_ready()
        family = running.family()
        forked = [one for one in family if one.ppid() == running.process.pid and "serve" in one.cmdline()]
        manager, http = sorted(
            forked, key=psutil.Process.create_time
        )  # in the order that LitServe starts them
        victim = http if who == "http" else manager
        victim.kill()
        assert running.process.wait(15) != 0
        assert nothing_left(family)


@pytest.mark.faults
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "stop", "end of stdin"])
def test_nothing_of_the_service_stays_running(make_generator, how):
    path, _ = make_generator()
    with Service(path.parent) as running:
        running.wait_ready()
        family = running.family()
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


def test_it_refuses_to_start_without_a_secret(tmp_path):
    with Service(tmp_path, secret="short") as running:
        assert running.process.stdout
        assert json.loads(running.process.stdout.readline())["code"] == "no_secret"
        assert running.process.wait() == 3


def test_marks_of_given_latents_can_be_replayed(make_generator, tmp_path):
    """The vector stands in the file: whoever has the generator can make the pixels again."""
    from generation.child import Reporter
    from generation.ml.latents import LatentRequest, sample_latents
    from generation.ml.replay import replay_verb

    path, generator = make_generator()
    vector = np.linspace(-1, 1, 16, dtype=np.float32)
    (image,) = sample_latents(Sampler(generator, CPU), [LatentRequest(latent=vector, index=3)])
    file = tmp_path / "given.png"
    file.write_bytes(image.png)
    assert hashlib.sha256(image.png).hexdigest() == image.digest
    spec = {"images": [str(file)], "weights": {generator.digest: str(path)}, "threads": 1}
    (verdict,) = replay_verb(spec, Reporter(print))["images"]
    assert (verdict["verdict"], verdict["same_bytes"]) == ("exact", True)
