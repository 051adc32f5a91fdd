from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from generation.child import BadInput
from generation.ml.png import RECIPE_KEY, XMP_KEY, decode_png, encode_png, encoder_name, read_marks
from generation.ml.sampling import FORWARD_SIZE, ImageRequest, Sampler
from generation.ml.seeding import DataOrder, image_seed, latent
from generation.ml.weights import load_generator, read_record, serialise_generator
from tests.generation.ml.chunks import chunk_names
from tests.generation.ml.conftest import CPU


def wishes(count: int, seed: int = 7, **facts) -> list[ImageRequest]:
    return [ImageRequest(batch_seed=seed, index=index, **facts) for index in range(count)]


def test_image_seed_is_the_published_formula():
    digest = "ab" * 32
    expected = hashlib.sha256(f"{digest}|7|2|5".encode()).digest()[:8]
    assert image_seed(digest, 7, 2, 5) == int.from_bytes(expected, "big")
    assert image_seed(digest, 7, None, 5) != image_seed(digest, 7, 0, 5)


def test_latent_does_not_change_between_versions():
    # If this fails, every recipe ever written changes its meaning.
    z = latent(12345, 4)
    assert z.dtype == np.float32
    assert np.linalg.norm(z) == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_allclose(z, GOLDEN_LATENT, rtol=1e-6)


GOLDEN_LATENT = [-0.617597222328186, -0.3650740683078766, 1.3860671520233154, 1.2506449222564697]


def test_same_recipe_same_bytes_whoever_the_neighbours_are(make_generator):
    _, generator = make_generator()
    sampler = Sampler(generator, CPU)
    whole = list(sampler.sample(wishes(64)))
    alone = [next(sampler.sample([request])) for request in wishes(64)]
    eights = [image for start in range(0, 64, 8) for image in sampler.sample(wishes(64)[start : start + 8])]
    among_strangers = list(sampler.sample([*wishes(3, seed=99), *wishes(64)[::-1]]))[3:][::-1]
    for other in (alone, eights, among_strangers):
        assert [image.digest for image in other] == [image.digest for image in whole]
    assert len({image.digest for image in whole}) == 64


@pytest.mark.parametrize("architecture", ["dcgan", "dcgan-s"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_place_in_the_forward_pass_does_not_matter(make_generator, architecture, dtype):
    _, generator = make_generator(architecture=architecture, image_size=64, latent_size=100, filters=16)
    z = torch.from_numpy(latent(1, 100)).expand(FORWARD_SIZE, -1).contiguous()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
        images = generator.network(z)
    assert all(torch.equal(first, second) for first, second in pairwise(images))


def test_different_seeds_indices_and_classes_differ(make_generator):
    _, generator = make_generator(classes=("a", "b"))
    sampler = Sampler(generator, CPU)
    requests = [
        ImageRequest(batch_seed=seed, index=index, class_index=place)
        for seed in (1, 2) for index in (0, 1) for place in (0, 1)
    ]  # fmt: skip
    assert len({image.digest for image in sampler.sample(requests)}) == 8


def test_truncation_brings_images_nearer_to_each_other(make_generator):
    _, generator = make_generator()
    sampler = Sampler(generator, CPU)

    def spread(truncation: float) -> float:
        return float(
            np.stack([i.pixels for i in sampler.sample(wishes(32, truncation=truncation))]).std(axis=0).mean()
        )

    assert spread(0.5) < 0.8 * spread(1.0)


def test_file_says_what_it_is_and_nothing_else(make_generator):
    _, generator = make_generator()
    image = next(Sampler(generator, CPU).sample(wishes(1, truncation=0.5)))
    marks = read_marks(image.png)
    assert set(marks) == {RECIPE_KEY, XMP_KEY}
    assert "digitalsourcetype/trainedAlgorithmicMedia" in marks[XMP_KEY]
    recipe = json.loads(marks[RECIPE_KEY])
    assert recipe.pop("encoder") == encoder_name(3)
    assert recipe == {
        "generator": generator.digest, "seed": 7, "class": None, "index": 0, "truncation": 0.5,
        "dtype": "float32", "forward_size": FORWARD_SIZE, "recipe_version": 1,
    }  # fmt: skip
    names = chunk_names(image.png)
    assert set(names) == {"IHDR", "iTXt", "IDAT", "IEND"}
    assert names.count("iTXt") == 2
    assert np.array_equal(decode_png(image.png), image.pixels)


def test_grey_images_are_grey_files(make_generator):
    _, generator = make_generator(channels=1)
    image = next(Sampler(generator, CPU).sample(wishes(1)))
    assert image.pixels.shape == (32, 32, 1)
    assert np.array_equal(decode_png(image.png), image.pixels)


def test_encoder_that_changes_pixels_is_found_out(monkeypatch):
    monkeypatch.setattr("generation.ml.png.decode_png", lambda content: np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(RuntimeError, match="changed the pixels"):
        encode_png(np.ones((4, 4, 3), np.uint8), {})


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ImageRequest(batch_seed=-1, index=0, class_index=0), "bad_seed"),
        (ImageRequest(batch_seed=1, index=-1, class_index=0), "bad_index"),
        (ImageRequest(batch_seed=1, index=0, class_index=2), "unknown_class"),
        (ImageRequest(batch_seed=1, index=0), "class_needed"),
        (ImageRequest(batch_seed=1, index=0, class_index=0, truncation=0.0), "bad_truncation"),
        (ImageRequest(batch_seed=1, index=0, class_index=0, truncation=float("nan")), "bad_truncation"),
    ],
)
def test_what_the_generator_cannot_make_is_refused(make_generator, request_, code):
    _, generator = make_generator(classes=("a", "b"))
    with pytest.raises(BadInput) as refusal:
        list(Sampler(generator, CPU).sample([request_]))
    assert refusal.value.code == code


def test_generator_file_explains_itself_and_is_the_same_bytes_again(make_generator):
    path, generator = make_generator(config={"steps": 5}, dataset_manifest_digest="d" * 64)
    assert read_record(path) == generator.record
    assert generator.record.config == {"steps": 5}
    assert serialise_generator(generator.network, generator.record) == path.read_bytes()
    assert generator.digest == hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def test_damaged_or_wrong_weights_are_refused(make_generator, tmp_path):
    path, _ = make_generator()
    for name, content in {
        "short": path.read_bytes()[:-100],
        "text": b"not weights at all",
        "empty": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match="bad_weights"):
            load_generator(tmp_path / name, device=torch.device("cpu"))
    with pytest.raises(BadInput, match="wrong_digest"):
        load_generator(path, device=torch.device("cpu"), expected_digest="0" * 64)
    with pytest.raises(BadInput, match="bad_weights"):
        load_generator(tmp_path / "missing", device=torch.device("cpu"))


def test_order_shows_every_image_once_an_epoch_and_depends_on_the_position_alone():
    order = DataOrder(10, seed=3)
    assert sorted(order.batch(0, 10)) == sorted(order.batch(10, 10)) == list(range(10))
    assert list(order.batch(0, 10)) != list(order.batch(10, 10))
    assert list(DataOrder(10, seed=3).batch(17, 6)) == list(order.batch(17, 6))


def test_order_can_show_rare_classes_as_often_as_common_ones():
    labels = np.array([0] * 90 + [1] * 10)
    weights = 1 / np.bincount(labels)[labels]
    shown = labels[DataOrder(100, seed=0, weights=weights).batch(0, 2000)]
    assert shown.mean() == pytest.approx(0.5, abs=0.05)
