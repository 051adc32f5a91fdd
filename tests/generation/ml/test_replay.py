"""Made again from what the file itself says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.child import BadInput, Reporter
from generation.ml.device import Device
from generation.ml.png import decode_png, encode_png, read_marks
from generation.ml.recipe import read_recipe
from generation.ml.replay import compare, replay_verb
from generation.ml.sample_verb import sample_verb
from generation.ml.sampling import FORWARD_SIZE, ImageRequest, Sampler
from tests.generation.ml.conftest import CPU

BF16 = Device(name="cpu", dtype="bfloat16", model="test")


def wishes(count, **facts):
    return [ImageRequest(batch_seed=7, index=index, **facts) for index in range(count)]


def replay(paths, weights, **options):
    spec = {"images": [str(path) for path in paths], "weights": weights, **options}
    return replay_verb(spec, Reporter(lambda line: None))["images"]


@pytest.fixture
def written(make_generator, tmp_path):
    """Makes images of a generator as files; gives their paths, and the weights by digest."""

    def write(count=3, *, device=CPU, forward_size=FORWARD_SIZE, facts=None, **changes):
        path, generator = make_generator(**changes)
        sampler = Sampler(generator, device, forward_size=forward_size)
        paths = []
        for image in sampler.sample(wishes(count, **(facts or {}))):
            paths.append(tmp_path / f"{image.request.index}.png")
            paths[-1].write_bytes(image.png)
        return paths, {generator.digest: str(path)}

    return write


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("facts", [{}, {"truncation": 0.6}])
def test_what_was_sampled_comes_back_exactly(written, channels, facts):
    paths, weights = written(channels=channels, facts=facts)
    for image in replay(paths, weights):
        assert (image["verdict"], image["max_difference"], image["share"]) == ("exact", 0, 0.0)
        assert image["same_bytes"] is True


def test_classes_precisions_and_older_forward_sizes_are_taken_from_the_recipe(written):
    paths, weights = written(classes=("a", "b"), device=BF16, forward_size=5, facts={"class_index": 1})
    assert {(image["verdict"], image["dtype"]) for image in replay(paths, weights)} == {("exact", "bfloat16")}


def test_another_precision_is_near_and_is_measured(written):
    # An untrained network with wide weights: what precision can do at most, not what it does.
    paths, weights = written(16, image_size=64, filters=16)
    images = replay(paths, weights, dtype="bfloat16", tolerance=12)
    assert {image["verdict"] for image in images} <= {"exact", "within"}
    assert max(image["max_difference"] for image in images) > 0
    assert all(0 < image["share"] < 1 for image in images)
    assert {image["same_bytes"] for image in images} == {None}  # the recipe would name the other precision


def test_one_changed_pixel_is_found(written):
    (path, *_), weights = written()
    recipe = json.loads(read_marks(path.read_bytes())["synthlab"])
    pixels = decode_png(path.read_bytes()).copy()
    pixels[3, 4, 1] ^= 0x40
    path.write_bytes(encode_png(pixels, recipe))
    (image,) = replay([path], weights)
    assert (image["verdict"], image["max_difference"]) == ("different", 64)
    assert image["share"] == pytest.approx(1 / 32**2)
    assert image["same_bytes"] is False


def test_a_recipe_of_another_image_is_found(written):
    (first, second, _), weights = written()
    recipe = json.loads(read_marks(second.read_bytes())["synthlab"])
    first.write_bytes(encode_png(decode_png(first.read_bytes()), recipe))
    assert replay([first], weights)[0]["verdict"] == "different"


def test_one_bad_file_does_not_stop_the_others(written, tmp_path):
    paths, weights = written(1)
    nothing, bare = tmp_path / "nothing.png", tmp_path / "bare.png"
    nothing.write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (4, 4)).save(bare)
    images = replay([nothing, bare, tmp_path / "missing.png", *paths], weights)
    assert [image.get("code") for image in images] == [
        "unreadable_image",
        "no_recipe",
        "unreadable_image",
        None,
    ]
    assert images[-1]["verdict"] == "exact"
    assert replay(paths, {})[0]["code"] == "unknown_generator"


@pytest.mark.parametrize("shard", [1, 7, 20])
def test_a_batch_in_shards_of_any_size_makes_what_one_sampler_makes(make_generator, tmp_path, shard):
    path, generator = make_generator(classes=("a", "b"))
    plan = [{"index": index, "class": int(index >= 9)} for index in range(20)]
    requests = [ImageRequest(batch_seed=7, index=one["index"], class_index=one["class"]) for one in plan]
    expected = [image.digest for image in Sampler(generator, CPU).sample(requests)]
    digests = []
    for start in range(0, 20, shard):
        work = tmp_path / f"shard-{start}"
        work.mkdir()
        spec = {"work": str(work), "weights": str(path), "seed": 7, "images": plan[start : start + shard]}
        result = sample_verb(spec, Reporter(lambda line: None))
        lines = Path(result["manifest"]).read_text(encoding="utf-8").splitlines()
        digests += [json.loads(line)["digest"] for line in lines]
    assert digests == expected


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"recipe_version": 99}, "newer_recipe"),
        ({"generator": "../../etc/passwd"}, "bad_recipe"),
        ({"dtype": "float8"}, "bad_recipe"),
        ({"forward_size": 0}, "bad_recipe"),
        ({"forward_size": 10**9}, "bad_recipe"),
        ({"seed": "many"}, "bad_recipe"),
        ({"seed": -1}, "bad_seed"),
        ({"class": 3}, "unknown_class"),
        ({"truncation": 0}, "bad_truncation"),
        ({"index": None}, "bad_recipe"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(written, change, code):
    (path, *_), weights = written()
    recipe = json.loads(read_marks(path.read_bytes())["synthlab"]) | change
    path.write_bytes(encode_png(np.zeros((32, 32, 3), np.uint8), recipe))
    assert replay([path], weights)[0]["code"] == code


@pytest.mark.parametrize("text", ["[]", "{}", "null", "[" * 100_000, "no json"])
def test_a_recipe_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setattr("generation.ml.recipe.read_marks", lambda content: {"synthlab": text})
    with pytest.raises(BadInput, match="bad_recipe"):
        read_recipe(b"")


def test_comparing_counts_pixels_not_values():
    first = np.zeros((2, 5, 3), np.uint8)
    second = first.copy()
    second[0, 0] = (1, 2, 0)
    assert compare(first, second) == {"verdict": "within", "max_difference": 2, "share": 0.1}
    assert compare(first, second, 1)["verdict"] == "different"
    assert compare(first, np.full_like(first, 255))["max_difference"] == 255  # no wrap-around
    assert compare(first, second[:, :4])["verdict"] == "different"
