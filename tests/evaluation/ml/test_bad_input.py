"""What cannot be measured gets a code and a sentence, never a number."""

import numpy as np
import pytest
from PIL import Image

from evaluation.ml.evaluate import evaluate
from evaluation.ml.random_conv import RandomConv
from generation.child import BadInput
from tests.evaluation.ml.pictures import Maker, grouped_blobs, quiet, small_spec


@pytest.fixture
def spec(tmp_path):
    return small_spec(tmp_path)


def refused(spec):
    with pytest.raises(BadInput) as refusal:
        evaluate(spec, quiet())
    assert len(refusal.value.detail) > 20
    assert "reference" not in refusal.value.detail, "it is called the validation set"
    return refusal.value.code


@pytest.mark.parametrize("name", ["synthetic", "reference", "training"])
def test_empty_one_and_few(spec, name):
    rows = spec[name]
    assert refused({**spec, name: []}) == "empty_set"
    assert refused({key: value for key, value in spec.items() if key != name}) == "empty_set"
    assert refused({**spec, name: rows[:1]}) == "too_few_images"
    assert refused({**spec, name: rows[:3]}) == "too_few_images"


@pytest.mark.parametrize("name", ["synthetic", "reference", "training"])
def test_identical_and_constant(spec, tmp_path, name):
    maker = Maker(tmp_path / "bad")
    picture = grouped_blobs(np.random.default_rng(9), 1, 1)[0][0]
    groups = [f"g{at}" for at in range(6)]
    assert refused({**spec, name: maker.rows([picture] * 6, "same", groups)}) == "identical_images"
    flat = [np.full((32, 32, 3), level, np.uint8) for level in range(10, 16)]
    assert refused({**spec, name: maker.rows(flat, "flat", groups)}) == "constant_images"


def test_mixed_sizes_within_and_across(spec, tmp_path):
    maker = Maker(tmp_path / "bad")
    other = [
        np.asarray(Image.fromarray(p).resize((48, 48)))
        for p in grouped_blobs(np.random.default_rng(9), 6, 1)[0]
    ]
    assert refused({**spec, "synthetic": spec["synthetic"] + maker.rows(other, "large")}) == "mixed_sizes"
    assert refused({**spec, "synthetic": maker.rows(other, "large")}) == "mixed_sizes"


def test_grey_against_colour(spec, tmp_path):
    maker = Maker(tmp_path / "bad")
    grey = [
        np.asarray(Image.fromarray(p).convert("L")) for p in grouped_blobs(np.random.default_rng(9), 6, 1)[0]
    ]
    assert refused({**spec, "synthetic": spec["synthetic"] + maker.rows(grey, "grey")}) == "mixed_channels"
    assert refused({**spec, "synthetic": maker.rows(grey, "grey")}) == "mixed_channels"


def test_other_kinds_of_picture(spec, tmp_path):
    rgba = tmp_path / "rgba.png"
    Image.new("RGBA", (32, 32)).save(rgba)
    palette = tmp_path / "palette.png"
    Image.new("P", (32, 32)).save(palette)
    for path in (rgba, palette):
        assert (
            refused({**spec, "synthetic": [*spec["synthetic"], {"id": "x", "path": str(path)}]})
            == "image_mode"
        )


def test_files_that_are_missing_broken_or_changed(spec, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no picture")
    cut = tmp_path / "cut.png"
    with open(spec["synthetic"][0]["path"], "rb") as whole:
        cut.write_bytes(whole.read()[:200])
    rows = spec["synthetic"]
    assert refused({**spec, "synthetic": [*rows, {"id": "x", "path": str(text)}]}) == "unreadable_image"
    assert refused({**spec, "synthetic": [*rows, {"id": "x", "path": str(cut)}]}) == "unreadable_image"
    assert (
        refused({**spec, "synthetic": [*rows, {"id": "x", "path": str(tmp_path / "none")}]}) == "missing_file"
    )
    assert refused({**spec, "synthetic": [{**rows[0], "digest": "0" * 64}, *rows[1:]]}) == "image_changed"


def test_spec_that_makes_no_sense(spec):
    assert refused({**spec, "synthetic": [*spec["synthetic"], spec["synthetic"][0]]}) == "repeated_id"
    assert refused({**spec, "extractor": "inception"}) == "unknown_extractor"
    assert refused({**spec, "symmetries": "all"}) == "bad_spec"
    assert refused({**spec, "seed": "x"}) == "bad_spec"
    assert refused({key: value for key, value in spec.items() if key != "features"}) == "bad_spec"
    without = [{key: value for key, value in row.items() if key != "group"} for row in spec["reference"]]
    assert refused({**spec, "reference": without}) == "missing_group"
    assert refused({**spec, "training": [{"id": "x"}] * 5}) == "bad_spec"


def test_messages_name_no_path(spec, tmp_path):
    rows = [*spec["reference"], {"id": "r-x", "path": str(tmp_path / "MÜLLER_JOHN.png"), "group": "g"}]
    with pytest.raises(BadInput) as refusal:
        evaluate({**spec, "reference": rows}, quiet())
    assert "JOHN" not in str(refusal.value)
    assert "image r-x of the validation set" in refusal.value.detail


def test_features_that_are_not_numbers_or_all_the_same(spec, monkeypatch):
    def nan(self, images):
        return np.full((len(images), self.dimension), np.nan, np.float32)

    def same(self, images):
        return np.ones((len(images), self.dimension), np.float32)

    monkeypatch.setattr(RandomConv, "features", nan)
    assert refused(spec) == "features_not_finite"
    monkeypatch.setattr(RandomConv, "features", same)
    assert refused(spec) == "identical_features"
