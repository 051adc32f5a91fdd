"""`synthlab up` as a person meets it: it starts from nothing, mends itself, refuses a second start, and leaves nothing."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.faults.live import ROOT, alive, kill, wait_for

pytestmark = [pytest.mark.faults]

Start = Callable[..., psutil.Popen]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def env_of_home(home: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        "DJANGO_SETTINGS_MODULE": "tests.support.live_settings",
        "SYNTHLAB_HOME": str(home),
        "SYNTHLAB_WORKER_STOP_SECONDS": "6",
        "SYNTHLAB_JOB_LEASE_SECONDS": "3",
        "SYNTHLAB_JOB_HEARTBEAT_SECONDS": "0.5",
        "SYNTHLAB_JOB_SWEEP_SECONDS": "1",
        "SYNTHLAB_WEB_WORKERS": "1",
    }


@pytest.fixture
def start(env_of_home: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    started: list[psutil.Popen] = []
    known: set[int] = set()

    def go(*arguments: str) -> psutil.Popen:
        log = (tmp_path / "up.log").open("ab")
        command = [sys.executable, "-m", "synthlab", "up", "--free-ports", *arguments]
        started.append(psutil.Popen(command, cwd=ROOT, env=env_of_home, stdout=log, stderr=log))
        log.close()
        return started[-1]

    yield go
    for process in started:
        known |= family(process)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    for process in started:
        try:
            process.wait(15)
        except psutil.TimeoutExpired:
            process.kill()
    for pid in known:
        kill(pid)
    print((tmp_path / "up.log").read_text()[-6000:])


def family(process: psutil.Popen) -> set[int]:
    try:
        return {process.pid} | {one.pid for one in process.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def facts(home: Path) -> dict[str, object]:
    path = home / "run" / "up.json"
    wait_for(path.exists, 60)
    written: dict[str, object] = json.loads(path.read_text())
    return written


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/livez", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def part(process: psutil.Popen, *words: str) -> psutil.Process | None:
    for child in process.children():
        try:
            if all(word in child.cmdline() for word in words):
                return child
        except psutil.NoSuchProcess:
            continue
    return None


def test_its_whole_life(start: Start, home: Path, env_of_home: dict[str, str]) -> None:
    up = start("--no-model-service")
    url = str(facts(home)["url"])
    assert answers(url)
    assert (home / "secret").stat().st_mode & 0o777 == 0o600
    refuses_a_second_start(start, url, home)
    restarts_what_is_killed(up, url)
    is_not_stopped_by_a_worker_killed_while_idle(up, home, env_of_home)
    takes_everything_with_it_when_killed(up)

    # Nobody was left to remove the announcement; the new one takes its place.
    up = start()
    wait_for(lambda: facts(home)["pid"] == up.pid, 60)
    where = urlsplit(str(facts(home)["model_url"]))
    wait_for(lambda: listens(str(where.hostname), int(where.port or 0)), 90)
    brings_the_model_service_back_when_it_is_killed_at_work(up, home)
    everything = family(up)
    up.send_signal(signal.SIGINT)
    assert up.wait(20) == 0
    assert not any(map(alive, everything))
    assert not (home / "run" / "up.json").exists()


def refuses_a_second_start(start: Start, url: str, home: Path) -> None:
    assert start("--no-model-service").wait(60) == 1
    assert f"SynthLab already runs in this home at {url}" in log(home)


def restarts_what_is_killed(up: psutil.Popen, url: str) -> None:
    for word in ("long", "gunicorn"):
        broken = part(up, word)
        assert broken is not None
        broken.kill()
        wait_for(partial(is_anew, up, word, broken.pid), 20)
    wait_for(lambda: answers(url), 30)


def is_anew(up: psutil.Popen, word: str, old: int) -> bool:
    now = part(up, word)
    return now is not None and now.pid != old


def is_not_stopped_by_a_worker_killed_while_idle(up: psutil.Popen, home: Path, env: dict[str, str]) -> None:
    """The library's queue stays locked then; the supervisor starts the lane anew."""
    master = part(up, "short")
    assert master is not None
    wait_for(lambda: len(master.children(recursive=True)) >= 4, 20)
    (sentinel,) = master.children()
    min(sentinel.children(), key=lambda one: (one.create_time(), one.pid)).kill()
    command = [sys.executable, "manage.py", "one_job", "--make", "test_answer"]
    made = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True, text=True)
    job = f"job_id={made.stdout.strip()}"
    wait_for(lambda: any(job in line and "job_ended" in line for line in log(home).splitlines()), 40)
    assert "takes none: starting it anew" in log(home)


def takes_everything_with_it_when_killed(up: psutil.Popen) -> None:
    # Us, gunicorn and its worker, and twice: master, sentinel, worker, monitor, pusher.
    wait_for(lambda: len(family(up)) >= 13, 30)
    everything = family(up)
    up.kill()
    up.wait()
    wait_for(lambda: not any(map(alive, everything)), 12)


def brings_the_model_service_back_when_it_is_killed_at_work(up: psutil.Popen, home: Path) -> None:
    """The caller hears at once that the line broke, nothing of the old service stays, and the new one answers."""
    weights = ROOT / "generation" / "pretrained" / "ihc-64.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    shutil.copy(weights, home / "generators" / f"{digest}.safetensors")
    headers = {"X-Model-Service-Secret": (home / "model-service-secret").read_text().strip()}
    service = httpx.Client(
        base_url=str(facts(home)["model_url"]), headers=headers, timeout=60, trust_env=False
    )

    def ask(count: int) -> int:
        body = {"digest": digest, "seed": 1, "count": count}
        return int(service.post("/sample", json=body).status_code)

    def is_at_work() -> bool:
        lines = service.get("/metrics").text.splitlines()
        return any(
            line.startswith("synthlab_model_images_waiting ") and not line.endswith(" 0.0") for line in lines
        )

    def is_back() -> bool:
        try:
            return ask(1) == 200
        except httpx.TransportError:
            return False

    with service, ThreadPoolExecutor(1) as caller:
        assert ask(1) == 200
        flight = caller.submit(ask, 256)
        wait_for(is_at_work, 30)
        main = part(up, "generation.ml", "serve")
        assert main is not None
        old = {main.pid, *(child.pid for child in main.children(recursive=True))}
        main.kill()
        assert isinstance(flight.exception(10), httpx.TransportError)
        wait_for(lambda: not any(map(alive, old)), 10)
        wait_for(is_back, 90)


def listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def log(home: Path) -> str:
    return (home.parent / "up.log").read_text()
