"""Copies, replay, collapse and a good set, on real pictures where they are at hand."""

import numpy as np
import pytest
from PIL import Image

from evaluation.ml.copying import find_copies, image_scores
from evaluation.ml.evaluate import Spec, make_subject, read_sets
from evaluation.ml.extractors import make_extractor
from evaluation.ml.judge import Policy, judge
from tests.evaluation.ml.pictures import (
    DISGUISES,
    Maker,
    bccd_crops,
    by_metric,
    grouped_blobs,
    ihc_blocks,
    noisy,
    quiet,
    run,
    small_spec,
)


def planted_spec(tmp_path, crops, seed, per_disguise=10, extractor="random-conv"):
    """Real crops: training, reference and unseen photographs apart; disguised training crops among the unseen."""
    rng = np.random.default_rng(seed)
    names = list(rng.permutation(sorted(crops)))
    half, three = len(names) // 2, 3 * len(names) // 4
    maker = Maker(tmp_path / "images")

    def rows(part, name):
        pairs = [(picture, group) for group in part for picture in crops[group]]
        return maker.rows([picture for picture, _ in pairs], name, [group for _, group in pairs])

    training = [picture for name in names[:half] for picture in crops[name]]
    unseen = maker.rows([picture for name in names[three:] for picture in crops[name]], "unseen")
    copies = [
        maker.row(disguise(training[one], training[other], rng), f"{name}/{at}")
        for name, disguise in DISGUISES.items()
        for at, (one, other) in enumerate(rng.integers(len(training), size=(per_disguise, 2)))
    ]
    return {
        "work": str(tmp_path / "work"), "features": str(tmp_path.parent / "features"), "extractor": extractor,
        "synthetic": unseen + copies, "reference": rows(names[half:three], "r"), "training": rows(names[:half], "t"),
        "seed": seed, "threads": 2,
    }  # fmt: skip


def flagged_as_copies(spec):
    """Only the part of the panel that looks for copies: share flagged by the name before the slash or hyphen."""
    request = Spec.parse(spec)
    sets = read_sets(spec, request, quiet())
    subject = make_subject(sets, make_extractor(request.extractor), request, quiet())
    scores = image_scores(subject, find_copies(subject))
    shares: dict[str, list[bool]] = {}
    for score in scores:
        shares.setdefault(score.id.split("/")[0].split("-")[0], []).append("copy" in score.flags)
    return subject, {name: float(np.mean(flags)) for name, flags in shares.items()}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["RBC", "WBC"])
def test_copies_among_real_unseen_cells(tmp_path, kind):
    """Blood cells, photographs as groups: disguised copies are found, cells of unseen photographs left alone."""
    crops = bccd_crops(kind, 1)
    if not crops:
        pytest.skip("NOT CHECKED ON REAL CELLS: shared/data/bccd is not beside this checkout")
    found = [
        flagged_as_copies(planted_spec(tmp_path / str(seed), crops, seed, extractor="efficientnet-lite0"))[1]
        for seed in (1, 2, 3)
    ]
    shares = {name: float(np.mean([run[name] for run in found])) for name in found[0]}
    assert {name: share for name, share in shares.items() if share < 0.95 and name != "unseen"} == {}
    assert shares["unseen"] <= 0.03


def test_disguised_copies_of_cells_with_features_that_know_nothing(tmp_path):
    """One split and the untrained extractor: crops and mixtures are told from pixels alone."""
    crops = bccd_crops("RBC", 1)
    if not crops:
        pytest.skip("NOT CHECKED ON REAL CELLS: shared/data/bccd is not beside this checkout")
    _, shares = flagged_as_copies(planted_spec(tmp_path / "1", crops, 1))
    assert {name: share for name, share in shares.items() if share < 0.9 and name != "unseen"} == {}
    assert shares["unseen"] <= 0.03


def test_copies_among_overlapping_tiles_of_one_slide(tmp_path):
    """IHC blocks: few groups, so no p can say it; copies in plain sight are flagged, unseen tiles are not."""
    found = [flagged_as_copies(planted_spec(tmp_path / str(seed), ihc_blocks(), seed)) for seed in (5, 6, 7)]
    assert found[0][0].counts.n_groups == 4
    shares = {name: float(np.mean([run[name] for _, run in found])) for name in found[0][1]}
    assert shares["unseen"] <= 0.03
    assert {name: share for name, share in shares.items() if share < 0.95 and name != "unseen"} == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", [0.01, 0.02, 0.05, 0.20])
def test_few_copies_among_many_are_flagged_one_by_one(tmp_path, share):
    """An aggregate like the DCR share cannot see one copy in a hundred; the flags do not depend on the others."""
    crops = bccd_crops("RBC", 2)
    if not crops:
        pytest.skip("NOT CHECKED ON REAL CELLS: shared/data/bccd is not beside this checkout")
    whole = planted_spec(tmp_path / "1", crops, 2, per_disguise=4)
    unseen = [row for row in whole["synthetic"] if row["id"].startswith("unseen")]
    copies = [row for row in whole["synthetic"] if not row["id"].startswith("unseen")]
    wanted = max(1, round(share * len(unseen)))
    picked = [copies[at * 7 % len(copies)] for at in range(min(wanted, len(copies)))]
    _, shares = flagged_as_copies({**whole, "synthetic": unseen + picked})
    names = {row["id"].split("/")[0] for row in picked}
    assert np.mean([shares[name] for name in names]) >= 0.95
    assert shares["unseen"] <= 0.03


def test_training_replay_is_withheld_and_collapse_fails_diversity(tmp_path):
    rng = np.random.default_rng(0)
    spec = small_spec(tmp_path, groups=60, per_group=1, n_synthetic=60)
    training = [np.asarray(Image.open(row["path"])) for row in spec["training"]]
    maker = Maker(tmp_path / "planted")
    replay = maker.rows(training[:60], "replay")
    noise = maker.rows([DISGUISES["noisy"](picture, picture, rng) for picture in training[:60]], "noisy")
    few, _ = grouped_blobs(rng, 3, 1)
    collapsed = maker.rows([noisy(few[at % 3], 2, rng) for at in range(60)], "collapsed")
    for name, rows in (("replay", replay), ("noisy", noise), ("collapsed", collapsed)):
        report, _ = run({**spec, "work": str(tmp_path / name), "synthetic": rows})
        verdict = judge(report, Policy())
        assert verdict.decision == "withhold", name
        results = by_metric(report)
        if name == "collapsed":
            assert results["rke"]["ratio"] < 0.5
            assert results["ms_ssim"]["details"]["excess"] > 0.05
            assert results["duplicates"]["value"] > 0.9
        else:
            assert results["copies"]["value"] > 0.9
    report, _ = run({**spec, "work": str(tmp_path / "fresh")})
    assert by_metric(report)["copies"]["value"] <= 0.1
    assert judge(report, Policy()).decision == "insufficient"  # uncalibrated features release nothing


@pytest.mark.slow
def test_lite0_releases_fresh_real_cells_and_withholds_their_noise(tmp_path):
    """With a calibrated extractor and enough photographs, the rule itself releases a good set."""
    crops = bccd_crops("RBC", 1)
    if not crops:
        pytest.skip("NOT CHECKED ON REAL CELLS: shared/data/bccd is not beside this checkout")
    spec = planted_spec(tmp_path, dict(sorted(crops.items())[:204]), 1, per_disguise=0)
    spec["extractor"] = "efficientnet-lite0"
    report, _ = run(spec)
    assert report["status"] == "ok"
    verdict = judge(report, Policy())
    assert verdict.decision == "release", verdict.reasons
    rng = np.random.default_rng(0)
    noise = Maker(tmp_path / "noise").rows(
        list(rng.integers(0, 256, (50, 64, 64, 3), dtype=np.uint8)), "noise"
    )
    report, _ = run({**spec, "work": str(tmp_path / "bad"), "synthetic": noise})
    assert judge(report, Policy()).decision == "withhold"
