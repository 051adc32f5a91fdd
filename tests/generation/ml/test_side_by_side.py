"""Passes side by side: the same images in the same order, never many ahead."""

from __future__ import annotations

import threading

import pytest

from generation.child import BadInput
from generation.ml.sampling import FORWARD_SIZE, ImageRequest, Sampler
from generation.ml.side_by_side import AHEAD, sample_side_by_side
from tests.generation.ml.conftest import CPU

COUNT = 5 * FORWARD_SIZE + 3


def requests(count: int = COUNT) -> list[ImageRequest]:
    return [ImageRequest(batch_seed=7, index=index) for index in range(count)]


def test_threads_change_neither_bytes_nor_order(make_generator) -> None:
    sampler = Sampler(make_generator()[1], CPU)
    alone = [image.png for image in sampler.sample(requests())]
    for threads in (1, 2, 5):
        made = list(sample_side_by_side(sampler, requests(), threads=threads))
        assert [image.request.index for image in made] == list(range(COUNT))
        assert [image.png for image in made] == alone


def test_only_a_few_passes_are_made_ahead_and_none_after_the_end(make_generator, monkeypatch) -> None:
    sampler = Sampler(make_generator()[1], CPU)
    seen: list[int] = []
    sample = Sampler.sample

    def count(self, wanted):
        seen.append(len(wanted))
        return sample(self, wanted)

    monkeypatch.setattr(Sampler, "sample", count)
    images = sample_side_by_side(sampler, requests(100 * FORWARD_SIZE), threads=2)
    next(images)
    images.close()
    assert 1 <= len(seen) <= 2 * AHEAD + 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pass")]


def test_what_cannot_be_made_is_refused_before_the_first(make_generator) -> None:
    sampler = Sampler(make_generator()[1], CPU)
    wanted = [*requests(), ImageRequest(batch_seed=7, index=99, class_index=1)]
    with pytest.raises(BadInput, match="knows no classes"):
        next(sample_side_by_side(sampler, wanted, threads=2))
