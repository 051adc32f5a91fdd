"""The whole measurement, in this process and as a child process."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evaluation.ml.evaluate import evaluate, extract
from evaluation.ml.judge import Policy, judge
from evaluation.ml.random_conv import RandomConv
from generation.child import Reporter
from tests.evaluation.ml.pictures import (
    Maker,
    by_metric,
    ihc_blocks,
    quiet,
    run,
    small_spec,
)

METRICS = {
    "fd", "fd_pca", "kid", "precision", "recall", "density", "coverage", "rke", "vendi", "ms_ssim", "nearest_real",
    "copies", "identical", "duplicates", "dcr_share", "membership_auc", "membership_tpr_10", "membership_tpr_1",
}  # fmt: skip


def timeless(report):
    report = json.loads(json.dumps(report))
    report["seconds"] = 0
    for result in report["results"]:
        result["seconds"] = 0
    return report


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return small_spec(tmp_path_factory.mktemp("spec"))


@pytest.fixture(scope="module")
def measured(spec):
    return run(spec)


def test_every_number_has_its_twin_counts_and_method(spec, measured):
    report, scores = measured
    results = by_metric(report)
    assert set(results) == METRICS
    for result in results.values():
        assert (result["n_real"], result["n_groups"], result["n_synth"]) == (24, 8, 24)
        assert (result["n_train"], result["n_train_groups"]) == (48, 16)
        assert result["method"]
        assert result["floor"] is not None
        assert result["extractor"] in ("random-conv", "pixels")
    for name in ("fd", "kid", "coverage"):
        assert results[name]["status"] == "uncalibrated"
        assert "random-conv" in results[name]["label"]
        assert results[name]["ci_low"] <= results[name]["ci_high"]
        assert any("8 independent groups" in caveat for caveat in results[name]["caveats"])
    assert results["kid"]["p_text"].endswith(f"of {results['kid']['resamples'] + 1}")
    assert set(scores) == {row["id"] for row in spec["synthetic"]}
    training = {row["id"] for row in spec["training"]}
    for score in scores.values():
        assert score["nearest_id"] in training
        assert score["distance"] > 0
        assert 1 / 9 <= score["p_value"] <= 1
    assert judge(report, Policy()).decision == "insufficient"


def test_fid_is_named_and_never_substituted(measured):
    report, _ = measured
    assert report["fid"]["status"] == "unavailable"
    assert report["fid"]["value"] is None
    assert "not installed" in report["fid"]["detail"]
    assert not any("FID" in result["label"] for result in report["results"])


def test_row_order_and_threads_change_nothing(spec, measured, tmp_path):
    shuffled = {**spec, "work": str(tmp_path / "work"), "features": str(tmp_path / "features"), "threads": 3}
    order = random.Random(4)
    for name in ("synthetic", "reference", "training"):
        shuffled[name] = order.sample(spec[name], len(spec[name]))
    report, scores = run(shuffled)
    assert timeless(report) == timeless(measured[0])
    assert scores == measured[1]


def test_another_seed_changes_draws_but_not_the_verdict(spec, measured, tmp_path):
    report, scores = run({**spec, "work": str(tmp_path), "seed": 12345})
    before, after = by_metric(measured[0]), by_metric(report)
    assert after["kid"]["value"] == before["kid"]["value"]
    assert after["fd"]["ratio"] != before["fd"]["ratio"]
    assert after["fd"]["ratio"] == pytest.approx(before["fd"]["ratio"], rel=0.3)
    assert judge(report, Policy()).decision == judge(measured[0], Policy()).decision
    assert scores == measured[1]


def test_after_discards_no_forward_pass(spec, measured, tmp_path, monkeypatch):
    def forbidden(self, images):
        raise AssertionError("computed again")

    monkeypatch.setattr(RandomConv, "features", forbidden)
    report, scores = run({**spec, "work": str(tmp_path), "synthetic": spec["synthetic"][5:]})
    assert report["counts"]["n_synth"] == len(scores) == 19


def test_shards_merge_to_the_same_numbers(spec, measured, tmp_path):
    shared = {**spec, "features": str(tmp_path / "features"), "work": str(tmp_path / "work")}
    everything = spec["synthetic"] + spec["reference"] + spec["training"]
    for part in (everything[1::2], everything[::2]):
        assert extract({**shared, "images": part}, quiet())["rows"] == len(part)
    report, scores = run(shared)
    assert timeless(report) == timeless(measured[0])
    assert scores == measured[1]


def test_identical_and_repeated_pictures_are_named(spec, tmp_path):
    from PIL import Image

    maker = Maker(tmp_path / "planted")
    copied = np.asarray(Image.open(spec["training"][5]["path"]))
    leaked = np.asarray(Image.open(spec["reference"][2]["path"]))
    planted = [
        maker.row(copied, "exact"),
        maker.row(np.ascontiguousarray(np.rot90(copied)[:, ::-1]), "turned"),
        maker.row(leaked, "leaked"),
        maker.row(np.full((32, 32, 3), 200, np.uint8), "flat"),
    ]
    # A store of its own: a set that holds all of another lends it its distances, which are equal but for the last bit of
    # a float32 sum, and whether it did would hang on the order of the tests.
    own = {"work": str(tmp_path / "work"), "features": str(tmp_path / "features")}
    report, scores = run({**spec, **own, "synthetic": spec["synthetic"] + planted})
    assert {"identical", "copy", "duplicate"} <= set(scores["exact"]["flags"])
    assert {"identical", "copy", "duplicate"} <= set(scores["turned"]["flags"])
    assert scores["turned"]["nearest_id"] == spec["training"][5]["id"]
    assert scores["turned"]["distance"] < 1
    assert scores["turned"]["symmetry"] != "identity"
    assert "identical_reference" in scores["leaked"]["flags"]
    assert "constant" in scores["flat"]["flags"]
    identical = by_metric(report)["identical"]
    assert identical["status"] == "ok"
    assert identical["details"] == {"identical": 2, "identical_to_reference": 1}
    assert judge(report, Policy()).decision == "withhold"


def test_a_split_that_shares_a_patient_is_contaminated(spec, tmp_path):
    shared = [*spec["reference"][1:], {**spec["reference"][0], "group": spec["training"][0]["group"]}]
    report, _ = run({**spec, "work": str(tmp_path), "reference": shared})
    assert report["status"] == "contaminated"
    assert {result["status"] for result in report["results"]} == {"contaminated"}
    assert "share 1 group" in report["contamination"][0]
    assert judge(report, Policy()).decision == "insufficient"


def test_the_same_picture_on_both_sides_is_contaminated(spec, tmp_path):
    rows = [*spec["reference"], {**spec["training"][0], "id": "r-twin", "group": "someone-else"}]
    report, _ = run({**spec, "work": str(tmp_path), "reference": rows})
    assert report["status"] == "contaminated"


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_hardly_any_groups_still_give_an_honest_report(tmp_path, groups):
    report, scores = run(small_spec(tmp_path, groups=groups, per_group=9))
    results = by_metric(report)
    assert results["fd"]["value"] is not None
    assert results["kid"]["ratio"] is None or groups > 1
    if groups == 1:
        assert results["kid"]["value"] is None
        assert results["kid"]["status"] != "ok"
        assert all(score["p_value"] is None and score["p_text"] == "" for score in scores.values())
    assert judge(report, Policy()).decision == "insufficient"


@pytest.mark.parametrize("n", [4, 5])
def test_smallest_sets_give_numbers_with_a_status(tmp_path, n):
    report, _ = run(small_spec(tmp_path, groups=n, per_group=1, n_synthetic=n))
    assert report["shortages"]
    assert judge(report, Policy()).decision == "insufficient"


def test_stop_is_clean_and_the_next_attempt_goes_on(spec, tmp_path):
    import threading

    stop = threading.Event()
    lines = []

    def send(line):
        lines.append(json.loads(line))
        if lines[-1]["type"] == "cursor":
            stop.set()

    fresh = {**spec, "work": str(tmp_path / "work"), "features": str(tmp_path / "features")}
    assert evaluate(fresh, Reporter(send, stop)) == {"stopped": True}
    assert not (tmp_path / "work").exists()
    report, _ = run(fresh)
    assert len(report["results"]) == len(METRICS)


def child(spec, folder):
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    done = subprocess.run(
        [sys.executable, "-m", "evaluation.ml", "evaluate", str(path)],
        cwd=Path(__file__).resolve().parents[3], capture_output=True, text=True, timeout=250, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_as_a_child_process(spec, measured, tmp_path):
    fresh = {**spec, "work": str(tmp_path / "work"), "features": str(tmp_path / "features")}
    done, lines = child(fresh, tmp_path)
    assert done.returncode == 0, done.stderr
    assert {line["type"] for line in lines} == {"progress", "cursor", "result"}
    assert {line["phase"] for line in lines if line["type"] == "progress"} == {
        "reading",
        "features",
        "measuring",
    }
    assert lines[-1]["type"] == "result"
    assert timeless(json.loads(Path(lines[-1]["report"]).read_text())) == timeless(measured[0])
    # Nothing outside the attempt's folder and the feature store.
    assert {path.name for path in tmp_path.iterdir()} == {"work", "features", "spec.json"}


def test_bad_input_ends_the_child_with_status_3(spec, tmp_path):
    done, lines = child({**spec, "work": str(tmp_path / "work"), "synthetic": []}, tmp_path)
    assert done.returncode == 3
    assert lines[-1]["type"] == "error"
    assert lines[-1]["code"] == "empty_set"


def test_random_conv_never_loads_torch(spec, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**spec, "work": str(tmp_path / "work")}))
    code = (
        "import json, sys; from evaluation.ml.evaluate import evaluate; from generation.child import Reporter; "
        f"evaluate(json.load(open({str(path)!r})), Reporter(lambda line: None)); "
        "assert not {'torch', 'django'} & set(sys.modules), 'loaded'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[3], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_real_pathology_with_efficientnet_lite0(tmp_path):
    """One slide: the numbers are there, and the verdict is that they prove nothing."""
    blocks = ihc_blocks()
    maker = Maker(tmp_path / "images")
    names = sorted(blocks)
    training = [(tile, name) for name in names[:6] for tile in blocks[name][:3]]
    reference = [(tile, name) for name in names[8:12] for tile in blocks[name][:4]]
    synthetic = [tile for name in names[12:] for tile in blocks[name]][:20]
    rows = {
        name: maker.rows([tile for tile, _ in pairs], name, [group for _, group in pairs])
        for name, pairs in (("training", training), ("reference", reference))
    }
    request = {
        "work": str(tmp_path / "work"), "features": str(tmp_path / "features"), "extractor": "efficientnet-lite0",
        "synthetic": maker.rows(synthetic, "s"), **rows, "seed": 1, "threads": 1,
    }  # fmt: skip
    done, lines = child(request, tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(Path(lines[-1]["report"]).read_text())
    results = by_metric(report)
    assert report["status"] == "insufficient"
    assert results["fd"]["label"] == "FD (efficientnet-lite0)"
    assert results["fd"]["floor"] > 10
    assert 0.5 < results["fd"]["ratio"] < 2
    assert judge(report, Policy()).decision == "insufficient"
