"""The network of true FID, beside torch-fidelity's, on the same random weights in the inception_file layout."""

import numpy as np
import pytest

from bench import torch_fidelity_peer
from evaluation.ml.extractors import INCEPTION, extractor_names, make_extractor
from evaluation.ml.frechet import frechet_distance
from evaluation.ml.inception import Inception
from evaluation.ml.preprocess import TENSORFLOW_BILINEAR, Preprocessing, tensorflow_matrix
from generation.child import BadInput
from tests.evaluation.ml.inception_weights import random_state


@pytest.fixture(scope="module")
def ours(inception_file, inception_folder):
    return Inception(folder=inception_folder, pin=inception_file[1])


@pytest.fixture(scope="module")
def theirs(inception_file):
    torch_fidelity_peer.install()
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    return FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(inception_file[0])
    )


def by_them(theirs, images):
    import torch

    with torch.inference_mode():
        (rows,) = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    return rows.numpy()


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 96), (299, 299), (33, 450)])
def test_features_equal_those_of_torch_fidelity(ours, theirs, height, width):
    rng = np.random.default_rng(height)
    images = rng.integers(0, 256, (3, height, width, 3), dtype=np.uint8)
    images[1] //= 4
    expected = by_them(theirs, images)
    assert expected.std() > 0.01  # weights that carry something through
    np.testing.assert_allclose(ours.features(images), expected, rtol=1e-5, atol=1e-5 * expected.max())


@pytest.mark.slow
def test_distance_equals_that_of_torch_fidelity(ours, theirs):
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    rng = np.random.default_rng(1)
    first = rng.integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)
    second = (rng.integers(0, 128, (12, 64, 64, 3)) + np.arange(64)[:, None, None]).astype(np.uint8)
    import torch

    statistics = [
        fid_features_to_statistics(torch.from_numpy(by_them(theirs, images)).double())
        for images in (first, second)
    ]
    expected = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    found = frechet_distance(ours.features(first), ours.features(second))
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_resize_is_that_of_torch_fidelity():
    torch_fidelity_peer.install()
    import torch
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    rng = np.random.default_rng(2)
    for height, width in ((64, 64), (299, 299), (300, 41), (1024, 299)):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        ours = Preprocessing(299, 0.0, 1.0, resize=TENSORFLOW_BILINEAR).apply(image[None])[0]
        planes = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
        theirs = interpolate_bilinear_2d_like_tensorflow1x(planes, size=(299, 299), align_corners=False)
        np.testing.assert_allclose(ours, theirs[0].permute(1, 2, 0).numpy(), atol=1e-3)


def test_resize_of_tensorflow_1_in_small():
    expected = [[1, 0], [0.5, 0.5], [0, 1], [0, 1]]  # half a pixel a step, the last one repeated
    np.testing.assert_array_equal(tensorflow_matrix(2, 4), expected)
    np.testing.assert_array_equal(tensorflow_matrix(4, 2), [[1, 0, 0, 0], [0, 0, 1, 0]])  # no smoothing
    np.testing.assert_allclose(tensorflow_matrix(64, 299).sum(axis=1), 1, atol=1e-6)


def test_features_equal_those_of_torchvisions_network_where_the_two_releases_agree(ours):
    """Up to the first average at an edge, without any other package: the quick half of the proof."""
    import torch
    from torchvision.models.inception import Inception3

    network = Inception3(num_classes=1008, aux_logits=False, init_weights=False).eval()
    network.load_state_dict(random_state())
    x = torch.rand((1, 3, 299, 299), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected = x
        for part in (
            "Conv2d_1a_3x3",
            "Conv2d_2a_3x3",
            "Conv2d_2b_3x3",
            "maxpool1",
            "Conv2d_3b_1x1",
            "Conv2d_4a_3x3",
        ):
            expected = getattr(network, part)(expected)
        inside = ours.network
        found = inside.chain(x, "", "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3")
        found = inside.chain(
            torch.nn.functional.max_pool2d(found, 3, 2), "", "Conv2d_3b_1x1", "Conv2d_4a_3x3"
        )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_row_does_not_depend_on_its_neighbours(ours):
    images = np.random.default_rng(3).integers(0, 256, (18, 32, 32, 3), dtype=np.uint8)
    together = ours.features(images)
    np.testing.assert_array_equal(ours.features(images[17:])[0], together[17])
    np.testing.assert_array_equal(ours.features(images[::-1])[::-1], together)


def test_it_says_what_it_is(ours, inception_file):
    assert (ours.name, ours.dimension, ours.calibrated) == (INCEPTION, 2048, True)
    assert ours.preprocessing.text.startswith("299 px, bilinear as in TensorFlow 1")
    assert len(ours.digest) == 64
    assert (
        INCEPTION not in extractor_names()
    )  # no whole evaluation stands on it: `fid` is a row beside the others


def test_without_its_weights_there_is_no_substitute(tmp_path, inception_folder):
    for place in (None, tmp_path):
        with pytest.raises(BadInput, match="synthlab weights import") as refusal:
            make_extractor(INCEPTION, weights=place)
        assert refusal.value.code == "weights_missing"
    with pytest.raises(BadInput) as refusal:  # imported, but not from the inception_file file
        make_extractor(INCEPTION, weights=inception_folder)
    assert refusal.value.code == "weights_changed"


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damaged_weights_are_refused(tmp_path, inception_folder, inception_file, damage):
    for name in (f"{INCEPTION}.json", f"{INCEPTION}.safetensors"):
        (tmp_path / name).write_bytes((inception_folder / name).read_bytes())
    file = tmp_path / f"{INCEPTION}.safetensors"
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
    file.write_bytes(content[:-10] if damage == "cut" else content)
    if damage == "gone":
        file.unlink()
    with pytest.raises(BadInput, match="import them again") as refusal:
        Inception(folder=tmp_path, pin=inception_file[1])
    assert refusal.value.code == "weights_changed"
