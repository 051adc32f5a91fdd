"""Runs with classes: the shares they are shown in, what their looks measure, and that the class decides the picture."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generation.child import BadInput
from generation.ml.config import TrainConfig
from generation.ml.data import load_training_data
from generation.ml.look import Looker
from generation.ml.players import Players
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.seeding import DataOrder
from generation.ml.weights import load_generator
from tests.generation.ml.conftest import CPU
from tests.generation.ml.runs import Recorder, run
from tests.present import present


@pytest.fixture
def uneven(make_manifest):
    """Eighteen images of one class, six of the other; the monitor slice has ten of each."""

    def make(**kwargs) -> Path:
        path: Path = make_manifest(24, monitor=20, **kwargs)
        manifest = json.loads(path.read_text())
        for place, entry in enumerate(manifest["images"]):
            entry["class"] = "rare" if place % 4 == 0 else "common"
        for place, entry in enumerate(manifest["monitor"]):
            entry["class"] = "rare" if place % 2 == 0 else "common"
        path.write_text(json.dumps(manifest))
        return path

    return make


@pytest.mark.parametrize(
    ("wishes", "rare"),
    [
        ({}, 0.5),
        ({"balance_classes": False}, 0.25),
        ({"class_targets": {"rare": 0.8, "common": 0.2}}, 0.8),
        ({"class_targets": {"rare": 0.1, "common": 0.9}, "balance_classes": False}, 0.1),
    ],
)
def test_classes_are_shown_in_the_shares_that_were_asked_for(tiny, uneven, wishes, rare):
    config = tiny(conditional=True, **wishes)
    data = load_training_data(uneven(), config)
    order = DataOrder(len(data.images), 0, data.image_weights(config))
    labels = data.labels[torch.from_numpy(order.batch(0, 4800))]
    assert data.classes == ("common", "rare")
    assert float(labels.float().mean()) == pytest.approx(rare, abs=0.03)
    # Norm statistics are measured on the same mixture, in every batch of it.
    looker = Looker(config, data, Players(config, 2, CPU))
    assert float(present(looker._standing[1]).float().mean()) == pytest.approx(rare, abs=0.1)


def test_what_is_compared_with_the_monitor_slice_has_its_mixture(tiny, uneven):
    config = tiny(conditional=True, class_targets={"rare": 0.9, "common": 0.1})
    data = load_training_data(uneven(), config)
    looker = Looker(config, data, Players(config, 2, CPU))
    assert Counter(present(looker._compared[1]).tolist()) == {
        0: 129,
        1: 127,
    }  # of 256, half each in the slice


def test_a_run_with_classes_has_every_curve_and_one_row_of_the_grid_a_class(tiny, uneven, tmp_path):
    report = Recorder()
    run(tiny(conditional=True, sample_count=6), uneven(), tmp_path, report)
    assert set(report.curve("d_overfit_gap")) == set(report.curve("monitor_kid_pixels")) == {3, 6}
    with Image.open(tmp_path / "samples/step-00000006.png") as grid:
        assert grid.size == (3 * 16, 2 * 16)


def test_monitor_images_of_a_class_that_cannot_be_made_are_not_compared(tiny, uneven):
    path = uneven()
    manifest = json.loads(path.read_text())
    manifest["monitor"][0]["class"] = "elsewhere"
    path.write_text(json.dumps(manifest))
    assert len(load_training_data(path, tiny(conditional=True)).monitor) == 19
    assert len(load_training_data(path, tiny()).monitor) == 20


@pytest.mark.parametrize(
    ("targets", "words"),
    [({"rare": 0.5, "often": 0.5}, "'often'"), ({"rare": 1.0}, "no share is given for common")],
)
def test_targets_must_name_the_classes_there_are(tiny, uneven, targets, words):
    with pytest.raises(BadInput, match=words) as refusal:
        load_training_data(uneven(), tiny(conditional=True, class_targets=targets))
    assert refusal.value.code == "bad_class_targets"


@pytest.mark.parametrize(
    "wishes",
    [
        {"class_targets": {"a": 0.5, "b": 0.5}},
        {"conditional": True, "class_targets": {"a": 0.5, "b": 0.4}},
        {"conditional": True, "class_targets": {"a": 1.0, "b": 0.0}},
        {"conditional": True, "class_targets": {"a": "half"}},
        {"conditional": True, "class_targets": ["a"]},
    ],
)
def test_shares_that_make_no_sense_are_refused(wishes):
    with pytest.raises(BadInput) as refusal:
        TrainConfig.from_request(wishes)
    assert (refusal.value.code, refusal.value.detail.split(":")[0]) == ("bad_config", "class_targets")


def two_kinds(folder: Path, size: int) -> Path:
    """Dark pictures and bright ones, with a little noise."""
    rng = np.random.default_rng(1)
    entries = []
    for place in range(32):
        level = 60 if place % 2 else 195
        pixels = (level + rng.normal(0, 12, (size, size, 3))).clip(0, 255).astype(np.uint8)
        path = folder / f"{place}.png"
        Image.fromarray(pixels).save(path)
        entries.append({"path": str(path), "class": "dark" if place % 2 else "light"})
    path = folder / "manifest.json"
    path.write_text(json.dumps({"digest": "m" * 64, "images": entries, "monitor": []}))
    return path


@pytest.mark.parametrize("size", [32, 64])
def test_the_class_decides_what_is_drawn(tiny, tmp_path, size):
    config = tiny(
        image_size=size, conditional=True, steps=60, g_filters=8, d_filters=8, g_lr=2e-3, d_lr=2e-3,
        metric_every=60, sample_every=60, checkpoint_every=60, augment=[], r1_every=16, ema_half_life_kimg=0.05,
    )  # fmt: skip
    outcome = run(config, two_kinds(tmp_path, size), tmp_path / "run")
    path = tmp_path / "g.safetensors"
    path.write_bytes(outcome.generator)
    sampler = Sampler(load_generator(path, device=torch.device("cpu")), CPU)

    def brightness(class_index: int) -> float:
        wanted = [ImageRequest(batch_seed=3, index=n, class_index=class_index) for n in range(16)]
        return float(np.mean([image.pixels.mean() for image in sampler.sample(wanted)]))

    dark, light = (brightness(place) for place in range(2))  # in the order of their names
    assert light - dark > 40
