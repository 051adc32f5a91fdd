"""How the step sizes of a run shrink: by the images seen, whatever the budget."""

from __future__ import annotations

import pytest
import torch

from generation.ml.config import TrainConfig
from generation.ml.device import choose_device
from generation.ml.players import Players

TINY = {"image_size": 16, "channels": 1, "g_filters": 4, "d_filters": 4, "latent_size": 4, "batch_size": 8}


def rates_after(number: int, **settings: object) -> list[float]:
    players = Players(TrainConfig.from_request({**TINY, **settings}), 0, choose_device("float32", threads=1))
    players.step(number, torch.rand(8, 1, 16, 16) * 2 - 1, None)
    return [optimiser.param_groups[0]["lr"] for optimiser in (players.g_optimiser, players.d_optimiser)]


def test_step_sizes_have_halved_after_the_stated_number_of_images():
    settings = {"g_lr": 1e-4, "d_lr": 4e-4, "lr_decay_kimg": 0.8}
    assert rates_after(0, **settings) == pytest.approx([1e-4, 4e-4])
    assert rates_after(100, **settings) == pytest.approx([0.5e-4, 2e-4])
    assert rates_after(200, **settings) == pytest.approx([0.2e-4, 0.8e-4])
    assert rates_after(300, steps=301, **settings) == rates_after(300, steps=10_000, **settings)


def test_the_textbook_network_keeps_its_step_sizes():
    assert rates_after(10_000, architecture="dcgan") == pytest.approx([2e-4, 2e-4])


def test_a_run_without_decay_is_named_as_before_there_was_one():
    assert "lr_decay_kimg" not in TrainConfig.from_request({"lr_decay_kimg": 0}).recipe()
    assert TrainConfig.from_request({}).recipe()["lr_decay_kimg"] == 100.0
