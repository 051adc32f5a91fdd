"""The model service against a bare loop over the same sampler, and against LitServe as it comes.

The bare loop is one process that makes files as fast as it can, with nobody to answer. Plain LitServe is one request, one
forward pass of its own size (`bench.plain_litserve`). All three take turns; callers are threads of this process, each
with a connection of its own, and ask again as soon as they have their answer.
"""

import hashlib
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.harness import ROOT, STORE, Aim, Bench, Result, Run, run_alone
from bench.sampling_service_runs import Server
from generation.ml.device import choose_device
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.weights import load_generator

WEIGHTS = ROOT / "generation" / "pretrained" / "ihc-64.safetensors"
SERVICE, PLAIN = "the service", "plain LitServe"
SAMPLE = 16  # images in the sample that the aim about waiting speaks of
P95_SECONDS = 0.25
CALLERS = 16  # where throughput is compared
LOADS = (1, 4, SAMPLE)  # images in a request
QUEUES = (1, 2, 4)  # callers, where waiting is measured

Rows = list[list[str | float | int]]


@dataclass
class Found:
    """What the rounds gave: images a second, and seconds of waiting, by who and how."""

    bare: list[float] = field(default_factory=list)
    rates: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    waits: dict[tuple[str, int], list[float]] = field(default_factory=dict)


def measure(run: Run) -> Result:
    """Throughput and waiting of both servers, and the bare loop; whatever is compared is timed side by side."""
    rounds, images, samples = (1, CALLERS, 2) if run.quick else (3, 256, 8)
    found = Found()
    STORE.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="service-", dir=STORE) as folder,
        _servers(Path(folder)) as servers,
    ):
        bare = _bare_loop(found, max(images, SAMPLE))
        for number in range(rounds):
            turns = list(servers.items()) if number % 2 == 0 else list(servers.items())[::-1]
            for load, (name, server) in itertools.product(LOADS, turns):
                _measure_rate(found, name, server, load, images)
            bare()
            for callers, (name, server) in itertools.product(QUEUES, turns):
                waits = _crowd(server, callers, SAMPLE, samples)
                found.waits.setdefault((name, callers), []).extend(waits)
    return _result(found, rounds)


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, Server]]:
    """Both, warm; they start side by side and end in any case."""
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    with ExitStack() as stack:
        servers = {}
        for name in (SERVICE, PLAIN):
            servers[name] = Server(WEIGHTS, digest, folder / name.replace(" ", "-"), plain=name == PLAIN)
            stack.callback(servers[name].close)
        for server in servers.values():
            server.wait_ready()
            _crowd(server, 2, SAMPLE, 2)
        yield servers


def _measure_rate(found: Found, name: str, server: Server, load: int, images: int) -> None:
    each = max(images // load // CALLERS, 1)
    began = time.perf_counter()
    _crowd(server, CALLERS, load, each)
    rate = CALLERS * each * load / (time.perf_counter() - began)
    found.rates.setdefault((name, load), []).append(rate)


def _crowd(server: Server, callers: int, load: int, each: int) -> list[float]:
    """So many callers, each with so many requests after one another; the seconds that every request took."""

    def call(caller: int) -> list[float]:
        took = []
        with server.client() as client:
            for number in range(each):
                began = time.perf_counter()
                server.ask(client, load, seed=caller * each + number)
                took.append(time.perf_counter() - began)
        return took

    with ThreadPoolExecutor(callers) as pool:
        return [seconds for waits in pool.map(call, range(callers)) for seconds in waits]


def _bare_loop(found: Found, images: int) -> Callable[[], None]:
    """One sampler in this process, files and all."""
    device = choose_device("float32")
    sampler = Sampler(load_generator(WEIGHTS, device=device.torch), device)
    requests = [ImageRequest(batch_seed=1, index=index) for index in range(images)]
    list(sampler.sample(requests[:SAMPLE]))

    def loop() -> None:
        began = time.perf_counter()
        for _ in sampler.sample(requests):
            pass
        found.bare.append(images / (time.perf_counter() - began))

    return loop


def _result(found: Found, rounds: int) -> Result:
    rate = {key: statistics.median(values) for key, values in found.rates.items()}
    p95 = {key: statistics.quantiles(values, n=20)[-1] for key, values in found.waits.items()}
    bare = statistics.median(found.bare)
    rows: Rows = [
        ["a bare loop", "images a second", bare],
        ["a bare loop", f"ms for {SAMPLE} images", SAMPLE / bare * 1000],
    ]
    rows += [
        [name, f"images a second, {CALLERS} callers, {load} image(s) a request", value]
        for (name, load), value in rate.items()
    ]
    for (name, callers), values in found.waits.items():
        way = f"ms for {SAMPLE} images, {callers} caller(s)"
        rows.append([name, f"median {way}", statistics.median(values) * 1000])
        rows.append([name, f"p95 {way}", p95[name, callers] * 1000])
    ratios = {"over_bare_loop": rate[SERVICE, SAMPLE] / bare}
    ratios |= {f"over_plain_litserve_{load}": rate[SERVICE, load] / rate[PLAIN, load] for load in LOADS}
    alone = SAMPLE / bare  # seconds that the bare loop takes for a sample
    ratios |= {f"p95_over_bare_sample_{callers}": p95[SERVICE, callers] / alone for callers in QUEUES}
    ratios |= {f"p95_over_250_ms_{callers}": p95[SERVICE, callers] / P95_SECONDS for callers in QUEUES}
    return Result(
        ratios=ratios,
        columns=["who", "what", "value"],
        rows=rows,
        notes=[
            f"64 px RGB, float32, {rounds} rounds in turns, medians; p95 over all rounds. Callers ask again at once, and "
            "share the processors with the server.",
            "The service pads every pass to 16 images, so that neighbours change no pixel; plain LitServe makes no such promise. "
            "With fewer than 16 single images at once it is therefore the slower one.",
            "The number at the end of a ratio: images in a request, or callers. A bare sample is what the bare loop takes for "
            f"{SAMPLE} images in the same run.",
        ],
    )


BENCH = Bench(
    name="sampling_service",
    title="Samples at once: the model service",
    minutes=5,
    aims=[
        Aim(ratio="over_bare_loop", at_least=0.8),
        Aim(ratio="over_plain_litserve_1", at_least=1.0),
        Aim(ratio="over_plain_litserve_4", at_least=1.0),
        Aim(ratio="over_plain_litserve_16", at_least=1.0),
        Aim(ratio="p95_over_bare_sample_1", at_most=2.0),
        Aim(ratio="p95_over_250_ms_1", at_most=1.0),
        Aim(ratio="p95_over_250_ms_2", at_most=1.0),
    ],
    measure=measure,
    sources=[
        "bench/plain_litserve.py",
        "bench/sampling_service_runs.py",
        "generation/ml/png.py",
        "generation/ml/sampling.py",
        "generation/ml/serve.py",
        "generation/ml/service/*.py",
        "synthlab/core/numerics.py",
    ],
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
