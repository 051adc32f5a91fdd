from __future__ import annotations

import pytest

from generation.ml.config import TrainConfig
from generation.ml.watch import STALLED_STEPS, Watch

HEALTHY = {"d_loss": 1.6, "d_real": 0.6, "d_fake": -0.4}


def codes(warnings) -> list[str]:
    return [code for code, _ in warnings]


def look(kid: float, gap: float, diversity: float = 0.9) -> dict[str, float]:
    return {"monitor_kid_pixels": kid, "d_overfit_gap": gap, "diversity_ratio": diversity}


def looks(*numbers: tuple[float, float]) -> list[str]:
    watch = Watch(TrainConfig())
    return [
        code
        for n, (kid, gap) in enumerate(numbers)
        for code in codes(watch.see_look(250 * (n + 1), look(kid, gap)))
    ]


@pytest.mark.parametrize(("loss", "level"), [("hinge", 2.0), ("bce", 1.386)])
def test_a_discriminator_that_tells_nothing_apart_for_long_is_said(loss, level):
    watch = Watch(TrainConfig(loss=loss))
    same = {"d_loss": level, "d_real": 0.01, "d_fake": 0.0}
    said = [step for step in range(20, 900, 20) if codes(watch.see_losses(step, same)) == ["stalled"]]
    assert said[0] == 20 + STALLED_STEPS


def test_a_moment_of_indecision_is_no_stall():
    watch = Watch(TrainConfig())
    for step in range(20, 2000, 20):
        same = {"d_loss": 2.0, "d_real": 0.01, "d_fake": 0.0}
        assert codes(watch.see_losses(step, HEALTHY if step % 400 == 0 else same)) == []


def test_a_loss_of_two_with_scores_apart_is_no_stall():
    watch = Watch(TrainConfig())
    for step in range(20, 2000, 20):
        assert codes(watch.see_losses(step, {"d_loss": 2.0, "d_real": 0.5, "d_fake": 0.2})) == []


def test_overfitting_is_a_growing_gap_while_unseen_images_move_away():
    assert looks((0.5, 0.1), (0.2, 0.1), (0.3, 0.5), (0.4, 0.7), (0.5, 0.9)) == ["overfitting"]


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([(0.5, 0.1), (0.2, 0.1), (0.3, 0.5), (0.4, 0.7)], id="two looks only"),
        pytest.param([(0.5, 0.1), (0.2, 0.1), (0.3, 0.5), (0.21, 0.7), (0.5, 0.9)], id="one look was good"),
        pytest.param([(0.5, 0.4), (0.2, 0.5), (0.3, 0.4), (0.4, 0.3), (0.5, 0.2)], id="the gap closes"),
        pytest.param([(0.5, 0.1), (0.4, 0.4), (0.3, 0.6), (0.2, 0.9), (0.1, 1.2)], id="still getting better"),
    ],
)
def test_one_sign_alone_is_no_overfitting(numbers):
    assert looks(*numbers) == []


@pytest.mark.parametrize(
    ("diversity", "expected"),
    [(0.01, ["identical_samples"]), (0.2, ["collapse"]), (0.3, []), (float("nan"), [])],
)
def test_images_that_look_alike_are_said(diversity, expected):
    watch = Watch(TrainConfig())
    assert codes(watch.see_look(1000, {"diversity_ratio": diversity})) == expected
    assert codes(watch.see_look(100, {"diversity_ratio": diversity})) == []


def test_every_warning_says_what_to_do():
    watch = Watch(TrainConfig())
    same = {"d_loss": 2.0, "d_real": 0.0, "d_fake": 0.0}
    said = [detail for step in (20, 620) for _, detail in watch.see_losses(step, same)]
    said += [detail for _, detail in watch.see_look(1000, {"diversity_ratio": 0.0})]
    said += [detail for _, detail in watch.see_look(1000, {"diversity_ratio": 0.2})]
    assert len(said) == 3
    assert all("clone" in detail for detail in said)
