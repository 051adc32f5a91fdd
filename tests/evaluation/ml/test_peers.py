"""The same numbers as other people's packages on the same features: prdc, vendi-score, torchmetrics, torch-fidelity."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench import torch_fidelity_peer
from evaluation.ml.diversity import similarity, vendi
from evaluation.ml.extractors import make_extractor
from evaluation.ml.frechet import frechet_distance
from evaluation.ml.kernel import plain_distance
from evaluation.ml.prdc import prdc, squared_distances
from tests.evaluation.ml.pictures import ihc_blocks

LITE0 = "own-efficientnet-lite0"


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((24, 24)) / 5
    return rng.standard_normal((120, 24)) @ mix, rng.standard_normal((120, 24)) @ mix * 1.1 + 0.15


@pytest.mark.parametrize("k", [3, 5])
def test_precision_recall_density_coverage_are_those_of_prdc(features, k):
    from prdc import compute_prdc

    real, fake = features
    theirs = compute_prdc(real, fake, nearest_k=k)
    single = np.arange(120)
    ours = prdc(
        squared_distances(real, real), squared_distances(real, fake), squared_distances(fake, fake), single, single,
        k_precision=k, k_density=k,
    )  # fmt: skip
    assert ours is not None
    for name, value in theirs.items():
        assert getattr(ours, name) == pytest.approx(value, abs=1e-12), name


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # vendi-score imports scipy.sparse.csr
def test_vendi_is_that_of_vendi_score(features):
    from vendi_score import vendi as theirs

    kernel = similarity(features[0], 2.0)
    assert vendi(kernel) == pytest.approx(theirs.score_K(kernel), rel=1e-9)


def test_frechet_distance_is_that_of_torchmetrics(features):
    from torchmetrics.image.fid import _compute_fid

    real, fake = map(torch.as_tensor, features)
    theirs = _compute_fid(real.mean(0), torch.cov(real.T), fake.mean(0), torch.cov(fake.T))
    assert frechet_distance(*features) == pytest.approx(float(theirs), rel=1e-6)


def test_kernel_distance_is_that_of_torchmetrics(features):
    from torchmetrics.image.kid import poly_mmd

    real, fake = map(torch.as_tensor, features)
    assert plain_distance(*features) == pytest.approx(float(poly_mmd(real, fake)), rel=1e-9)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of real tiles, equally many: torch-fidelity's kernel distance takes subsets of one size."""
    tiles = [tile for tiles in ihc_blocks().values() for tile in tiles]
    made = []
    for name, part in (("first", tiles[:48]), ("second", tiles[96:144])):
        folder = tmp_path_factory.mktemp(name)
        for at, tile in enumerate(part):
            Image.fromarray(tile).save(folder / f"{at:03}.png")
        made.append((folder, np.stack(part)))
    return made


def registered_lite0():
    """Our extractor as one of torch-fidelity's, so that outsiders can check a number with a tool they know."""
    torch_fidelity_peer.install()
    from torch_fidelity import register_feature_extractor
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    class OwnLite0(FeatureExtractorBase):  # type: ignore[misc]
        def __init__(self, name, features_list, **_):
            super().__init__(name, features_list)
            self.extractor = make_extractor("efficientnet-lite0", threads=1)

        @staticmethod
        def get_provided_features_list():
            return ("1280",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "1280"

        @staticmethod
        def can_be_compiled():
            return False

        def forward(self, input):
            pictures = input.permute(0, 2, 3, 1).contiguous().numpy()  # (n, h, w, 3) uint8
            return (torch.from_numpy(self.extractor.features(pictures)),)

    register_feature_extractor(LITE0, OwnLite0)
    return LITE0


@pytest.mark.slow
def test_distances_of_real_tiles_are_those_of_torch_fidelity(folders):
    """From two folders of files to the two numbers, each tool on its own way."""
    name = registered_lite0()
    from torch_fidelity import calculate_metrics

    (first, x), (second, y) = folders
    theirs = calculate_metrics(
        input1=str(first), input2=str(second), fid=True, kid=True, kid_subset_size=48, kid_subsets=1, kid_kernel="poly",
        feature_extractor=name, cuda=False, batch_size=16, cache=False, verbose=False, save_cpu_ram=True,
    )  # fmt: skip
    extractor = make_extractor("efficientnet-lite0", threads=1)
    ours = [extractor.features(pictures).astype(np.float64) for pictures in (x, y)]
    assert frechet_distance(*ours) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    assert plain_distance(*ours) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-4)
