"""`fid` in a report: a row of its own where the weights are, the way to get it where not, never anything else."""

import numpy as np
import pytest

from evaluation.ml import weights
from evaluation.ml.extractors import INCEPTION
from evaluation.ml.frechet import frechet_distance
from evaluation.ml.inception import Inception
from evaluation.ml.judge import Policy, judge
from tests.evaluation.ml.pictures import by_metric, run, small_spec


@pytest.fixture
def spec(tmp_path):
    return small_spec(tmp_path, groups=4, per_group=1, n_synthetic=6)


@pytest.fixture
def counted(monkeypatch, inception_file):
    """Pictures that went forward through Inception, with the weights of the tests taken for the published ones."""
    monkeypatch.setattr(weights, "INCEPTION_PIN", inception_file[1])
    seen, features = [], Inception.features

    def counting(self, images):
        seen.append(len(images))
        return features(self, images)

    monkeypatch.setattr(Inception, "features", counting)
    return seen


def test_fid_stands_beside_the_other_numbers(spec, inception_folder, counted, tmp_path):
    report, _ = run({**spec, "weights": str(inception_folder)})
    results = by_metric(report)
    found, other = results["fid"], results["fd"]
    assert (found["extractor"], other["extractor"]) == (INCEPTION, "random-conv")
    assert found["extractor_sha256"] != other["extractor_sha256"]
    assert found["value"] > 0
    assert found["floor"] > 0
    assert found["label"] == f"FID ({INCEPTION})"
    assert "n<2049: rank-deficient, not comparable with papers" in found["method"]
    assert report["fid"]["status"] == found["status"] == "insufficient"
    assert report["fid"]["value"] == found["value"]
    assert report["extractor"]["name"] == "random-conv"  # what the gate's numbers stand on
    others = [row for row in report["results"] if row["metric"] != "fid"]
    assert judge({**report, "results": others}, Policy()) == judge(report, Policy())  # no verdict hangs on it
    # The same set without two pictures: nothing goes forward again.
    assert sum(counted) == 6 + 4 + 8
    again, _ = run(
        {
            **spec,
            "weights": str(inception_folder),
            "work": str(tmp_path / "again"),
            "synthetic": spec["synthetic"][2:],
        }
    )
    assert sum(counted) == 6 + 4 + 8
    assert by_metric(again)["fid"]["n_synth"] == 4


def test_the_distance_over_all_images_is_that_of_the_features(
    spec, inception_file, inception_folder, counted
):
    from evaluation.ml.images import decode, parse_refs

    report, _ = run({**spec, "weights": str(inception_folder)})
    extractor = Inception(folder=inception_folder, pin=inception_file[1])
    rows = {
        name: extractor.features(
            np.stack([decode(ref)[0] for ref in parse_refs(spec[name], name, grouped=False)])
        )
        for name in ("reference", "synthetic")
    }
    expected = frechet_distance(rows["reference"], rows["synthetic"])
    assert by_metric(report)["fid"]["details"]["all_images"] == pytest.approx(expected, rel=1e-6)


def test_weights_of_another_file_give_no_number(spec, inception_folder):
    report, _ = run({**spec, "weights": str(inception_folder)})  # not from the published file
    assert report["fid"]["status"] == "unavailable"
    assert report["fid"]["value"] is None
    assert "import them again" in report["fid"]["detail"]
    assert "fid" not in by_metric(report)


def test_features_that_are_not_finite_give_no_number(spec, inception_folder, counted, monkeypatch):
    from generation.child import BadInput

    def broken(self, images):
        return np.full((len(images), 2048), np.nan, dtype=np.float32)

    monkeypatch.setattr(Inception, "features", broken)
    with pytest.raises(BadInput) as refusal:
        run({**spec, "weights": str(inception_folder)})
    assert refusal.value.code == "features_not_finite"
