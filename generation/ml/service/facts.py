"""Numbers that the worker writes and the HTTP process reads, and the metrics made of them.

They lie in shared memory that belongs to the process above both, so they outlive a worker that is killed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from multiprocessing import sharedctypes

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

# Upper bounds of histogram buckets; one more, without bound, follows.
PASS_IMAGES = (1, 2, 4, 8, 12, 16)
PASS_REQUESTS = (1, 2, 4, 8, 16)
ANSWER_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


_NUMBERS = (
    "worker", "starts", "waiting", "generators", "generator_bytes", "loads", "evictions", "images", "requests"
)  # fmt: skip


class Facts(ctypes.Structure):
    """What the worker has done since the service started. Only the worker writes, one field at a time."""

    worker: int  # process id of the one that is ready, 0 before the first
    starts: int
    waiting: int
    generators: int
    generator_bytes: int
    loads: int
    evictions: int
    images: int
    requests: int  # parts of requests, summed over passes
    pass_images: ctypes.Array[ctypes.c_int64]
    pass_requests: ctypes.Array[ctypes.c_int64]

    _fields_ = (
        *((name, ctypes.c_int64) for name in _NUMBERS),
        ("pass_images", ctypes.c_int64 * (len(PASS_IMAGES) + 1)),
        ("pass_requests", ctypes.c_int64 * (len(PASS_REQUESTS) + 1)),
    )

    def note_pass(self, images: int, requests: int) -> None:
        """One forward pass with so many images of so many requests is done."""
        self.images += images
        self.requests += requests
        self.pass_images[_bucket(PASS_IMAGES, images)] += 1
        self.pass_requests[_bucket(PASS_REQUESTS, requests)] += 1


def shared_facts() -> Facts:
    """Facts in memory that forked and spawned processes share."""
    facts: Facts = sharedctypes.RawValue(Facts)
    return facts


class WorkerMetrics(Collector):
    """The facts as Prometheus metrics."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """Asked by the registry."""
        facts = self._facts
        gauges = {
            "images_waiting": ("Images asked for and not made yet.", facts.waiting),
            "generators_loaded": ("Generators in memory.", facts.generators),
            "generators_bytes": ("Memory of their tensors.", facts.generator_bytes),
        }
        counters = {
            "images": ("Images made.", facts.images),
            "generator_loads": ("Generators read from their files.", facts.loads),
            "generator_evictions": ("Generators given up for others.", facts.evictions),
            "worker_starts": ("Times that the worker started.", facts.starts),
        }
        for name, (words, value) in gauges.items():
            yield GaugeMetricFamily(f"synthlab_model_{name}", words, value=value)
        for name, (words, value) in counters.items():
            yield CounterMetricFamily(f"synthlab_model_{name}", words, value=value)
        yield _histogram(
            "pass_images", "Images in one forward pass.", PASS_IMAGES, list(facts.pass_images), facts.images
        )
        yield _histogram(
            "pass_requests", "Requests in one pass.", PASS_REQUESTS, list(facts.pass_requests), facts.requests
        )


class DoorMetrics:
    """All metrics of the service, as the HTTP process gives them out.

    Attributes:
        registry: for `prometheus_client.generate_latest`.
        answers: requests by HTTP status and code.
        seconds: from a request's arrival to its answer.
    """

    def __init__(self, facts: Facts) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(WorkerMetrics(facts))
        self.answers = Counter(
            "synthlab_model_requests", "Requests by answer.", ["status", "code"], registry=self.registry
        )
        self.seconds = Histogram(
            "synthlab_model_request_seconds",
            "Seconds from arrival to answer.",
            buckets=ANSWER_SECONDS,
            registry=self.registry,
        )


def _bucket(bounds: Sequence[int], value: int) -> int:
    return next((place for place, bound in enumerate(bounds) if value <= bound), len(bounds))


def _histogram(
    name: str, words: str, bounds: Sequence[int], counts: Sequence[int], total: int
) -> HistogramMetricFamily:
    names = [*(str(bound) for bound in bounds), "+Inf"]
    so_far = [sum(counts[: place + 1]) for place in range(len(names))]
    buckets = list(zip(names, map(float, so_far), strict=True))
    return HistogramMetricFamily(f"synthlab_model_{name}", words, buckets=buckets, sum_value=total)
