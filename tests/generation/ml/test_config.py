from __future__ import annotations

import json
import subprocess
import sys

import pytest

from generation.child import BadInput
from generation.ml.config import ARCHITECTURE_DEFAULTS, PRESETS, TrainConfig


def test_defaults_are_valid_for_every_architecture_and_preset():
    for architecture in ARCHITECTURE_DEFAULTS:
        for preset in PRESETS:
            config = TrainConfig.from_request({"architecture": architecture, "preset": preset})
            assert config.architecture == architecture


def test_request_beats_preset_beats_architecture():
    config = TrainConfig.from_request({"architecture": "dcgan", "preset": "quick", "steps": 7})
    assert (config.steps, config.g_filters, config.loss) == (7, 24, "bce")


def test_config_survives_json():
    config = TrainConfig.from_request({"seconds": 30, "augment": ["cutout"]})
    assert TrainConfig.from_request(json.loads(json.dumps(config.to_dict()))) == config


def test_seconds_replace_steps():
    assert TrainConfig.from_request({"seconds": 30}).steps is None
    assert TrainConfig.from_request({"steps": 30}).seconds is None


def test_grey_images_are_not_recoloured_unless_asked():
    assert "colour" not in TrainConfig.from_request({"channels": 1}).augment
    with pytest.raises(BadInput, match="no colour"):
        TrainConfig.from_request({"channels": 1, "augment": ["colour"]})


@pytest.mark.parametrize(
    "request_",
    [
        {"colour": 1},
        {"architecture": "stylegan"},
        {"architecture": ["dcgan"]},
        {"preset": "huge"},
        {"image_size": 48},
        {"image_size": "64"},
        {"steps": 0},
        {"steps": True},
        {"steps": 5, "seconds": 5},
        {"seconds": float("nan")},
        {"seconds": -1},
        {"batch_size": 6},
        {"channels": 4},
        {"augment": ["mirror"]},
        {"augment": "symmetry"},
        {"g_lr": 0},
        {"seed": -1},
        {"architecture": "dcgan", "conditional": True},
    ],
)
def test_bad_settings_are_refused(request_):
    with pytest.raises(BadInput) as refusal:
        TrainConfig.from_request(request_)
    assert refusal.value.code == "bad_config"


def test_config_needs_no_torch():
    code = "import sys, generation.ml.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_whole_numbers_become_floats_where_the_optimiser_wants_floats():
    config = TrainConfig.from_request({"beta1": 0, "seconds": 5})
    assert (type(config.beta1), type(config.seconds), type(config.batch_size)) == (float, float, int)
