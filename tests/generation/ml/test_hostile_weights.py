"""Weights that are programs: neither the sampler nor the one guarded `torch.load` runs them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from evaluation.ml.weights import load_pinned
from generation.child import BadInput
from generation.ml.weights import load_generator, read_record
from tests.generation.ingest.hostile import disguises

PROGRAMS = {
    "pickle": disguises.pickle_plain,
    "old format": disguises.weights_legacy,
    "zip format": disguises.weights_zip,
    "exported program": disguises.weights_pt2,
    "safetensors without a tensor": disguises.weights_safetensors,
}


@pytest.fixture(params=PROGRAMS)
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    disguises.MARKER.unlink(missing_ok=True)
    path = tmp_path / "generator.safetensors"
    path.write_bytes(PROGRAMS[request.param]())
    return path


def test_the_sampler_refuses(weights: Path) -> None:
    for load in (read_record, lambda path: load_generator(path, device=torch.device("cpu"))):
        with pytest.raises(BadInput) as refusal:
            load(weights)
        assert refusal.value.code == "bad_weights"
    assert not disguises.MARKER.exists()


def test_pinned_weights_are_not_even_opened_when_they_changed(weights: Path) -> None:
    with pytest.raises(BadInput) as refusal:
        load_pinned(weights, "0" * 64)
    assert refusal.value.code == "weights_changed"
    assert not disguises.MARKER.exists()


def test_pinned_weights_with_a_program_in_them_are_not_run(weights: Path) -> None:
    weights = weights.rename(weights.with_suffix(".pth"))  # by the suffix torch decides how to read
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    with pytest.raises(BadInput) as refusal:
        load_pinned(weights, digest)
    assert refusal.value.code == "weights_unreadable"
    assert not disguises.MARKER.exists()
