"""Sharing passes, keeping generators, and counting, without processes or HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import generate_latest

from generation.child import BadInput
from generation.ml.service.cache import GeneratorCache
from generation.ml.service.desk import MOST_WAITING, Desk
from generation.ml.service.facts import DoorMetrics, Facts, shared_facts
from generation.ml.service.wire import SampleRequest, make, read_request
from tests.generation.ml.conftest import CPU

LATER = 100.0


@pytest.fixture
def facts() -> Facts:
    return shared_facts()


@pytest.fixture
def make_desk(tmp_path, facts):
    def make(most_bytes: int = 2**30) -> Desk:
        return Desk(GeneratorCache(tmp_path, CPU, most_bytes, facts), facts)

    return make


def ask(digest: str, count: int, **more: Any) -> SampleRequest:
    return SampleRequest(digest=digest, seed=1, count=count, **more)


def passes(desk: Desk, most: int = 100) -> list[list[object]]:
    """Whom each pass answered, until nobody waits."""
    answered: list[list[object]] = []
    while not desk.is_idle:
        assert len(answered) < most
        answered.append([caller for caller, _ in desk.work(now=0)])
    return answered


def test_small_requests_share_a_pass(make_desk, make_generator, facts):
    _, generator = make_generator()
    desk = make_desk()
    for caller in "abcd":
        assert desk.take(caller, ask(generator.digest, 4), expires_at=LATER) is None
    assert passes(desk) == [["a", "b", "c", "d"]]
    assert (facts.images, facts.requests, list(facts.pass_images)[4:6]) == (16, 4, [0, 1])


def test_a_small_request_waits_for_one_pass_of_a_large_one_and_not_for_all(make_desk, make_generator):
    _, generator = make_generator()
    desk = make_desk()
    desk.take("large", ask(generator.digest, 160), expires_at=LATER)
    desk.work(now=0)
    desk.take("small", ask(generator.digest, 16), expires_at=LATER)
    answered = passes(desk)
    assert answered.index(["small"]) <= 1
    assert answered[-1] == ["large"]
    assert len(answered) == 10  # every other pass was full


def test_generators_do_not_mix_and_take_turns(make_desk, make_generator):
    first, second = make_generator()[1], make_generator(step=6)[1]
    desk = make_desk()
    for caller, generator in (("a", first), ("b", second), ("c", first)):
        desk.take(caller, ask(generator.digest, 5), expires_at=LATER)
    assert passes(desk) == [["a", "c"], ["b"]]


def test_given_latents_have_passes_of_their_own(make_desk, make_generator):
    _, generator = make_generator()
    desk = make_desk()
    desk.take("seed", ask(generator.digest, 5), expires_at=LATER)
    vectors = SampleRequest(digest=generator.digest, latents=[[0.5] * 16] * 3)
    desk.take("given", vectors, expires_at=LATER)
    assert passes(desk) == [["seed"], ["given"]]


def test_nobody_queues_behind_more_than_can_be_made(make_desk, make_generator, facts):
    _, generator = make_generator()
    desk = make_desk()
    taken = 0
    while (answer := desk.take(taken, ask(generator.digest, 256), expires_at=LATER)) is None:
        taken += 1
    assert taken * 256 == MOST_WAITING == facts.waiting
    assert (answer.status, answer.code, answer.headers) == (503, "busy", {"Retry-After": "5"})


def test_who_waited_too_long_is_told_and_costs_nothing(make_desk, make_generator, facts):
    _, generator = make_generator()
    desk = make_desk()
    desk.take("late", ask(generator.digest, 16), expires_at=1.0)
    ((caller, answer),) = desk.work(now=2.0)
    assert (caller, answer.status, answer.code) == ("late", 503, "busy")
    assert desk.is_idle
    assert (facts.images, facts.waiting) == (0, 0)


def test_a_pass_that_fails_is_its_callers_only(make_desk, make_generator, monkeypatch):
    good, bad = make_generator()[1], make_generator(step=6)[1]

    def failing(sampler: Any, wanted: Any) -> Any:
        if sampler.generator.digest == bad.digest:
            raise RuntimeError("out of memory")
        return make(sampler, wanted)

    monkeypatch.setattr("generation.ml.service.desk.make", failing)
    desk = make_desk()
    desk.take("bad", ask(bad.digest, 3), expires_at=LATER)
    desk.take("good", ask(good.digest, 3), expires_at=LATER)
    answers = {caller: answer for _ in range(2) for caller, answer in desk.work(now=0)}
    assert (answers["bad"].status, answers["bad"].code) == (500, "failed")
    assert answers["good"].status == 200
    assert desk.is_idle


def test_generators_are_given_up_by_bytes_the_oldest_first(make_generator, tmp_path, facts):
    digests = [make_generator(step=step)[1].digest for step in range(3)]
    cache = GeneratorCache(tmp_path, CPU, 2**30, facts)
    cache.get(digests[0])
    one = facts.generator_bytes
    assert one > 1000
    cache = GeneratorCache(tmp_path, CPU, 2 * one, facts)
    first = cache.get(digests[0])
    cache.get(digests[1])
    assert cache.get(digests[0]) is first  # and so the youngest
    cache.get(digests[2])
    assert (facts.generators, facts.generator_bytes, facts.evictions) == (2, 2 * one, 1)
    assert cache.get(digests[0]) is first
    loads = facts.loads
    cache.get(digests[1])
    assert facts.loads == loads + 1


def test_one_generator_larger_than_the_room_is_served_alone(make_generator, tmp_path, facts):
    cache = GeneratorCache(tmp_path, CPU, 1, facts)
    for step in range(3):
        cache.get(make_generator(step=step)[1].digest)
        assert facts.generators == 1


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "digest"),
        (b'{"digest": "%s"}' % (b"0" * 64), "seed"),
        (b'{"digest": "%s", "latents": [[NaN]]}' % (b"0" * 64), ""),
        (b'{"digest": "%s", "latents": [[0]], "count": 1}' % (b"0" * 64), "latents"),
        (b'{"digest": "%s", "seed": 1, "count": 1, "format": "exe"}' % (b"0" * 64), "format"),
    ],
)
def test_a_request_that_says_too_little_or_too_much(body, word):
    with pytest.raises(BadInput) as refusal:
        read_request(body)
    assert refusal.value.code == "bad_request"
    assert word in refusal.value.detail


def test_metrics_are_prometheus_text(facts):
    metrics = DoorMetrics(facts)
    facts.note_pass(16, 3)
    facts.note_pass(2, 1)
    metrics.answers.labels("200", "ok").inc()
    text = generate_latest(metrics.registry).decode()
    assert 'synthlab_model_pass_images_bucket{le="2"} 1.0' in text
    assert 'synthlab_model_pass_images_bucket{le="+Inf"} 2.0' in text
    assert "synthlab_model_pass_requests_sum 4.0" in text
    assert 'synthlab_model_requests_total{code="ok",status="200"} 1.0' in text
