"""What the benchmarks of the reading page and of other people's tools make of their figures."""

from __future__ import annotations

import pytest

from bench import workbench
from bench.peers import comparison
from bench.workbench import Visit


def test_the_slowest_of_all_acts_on_many_shapes_is_held_to_the_aim():
    visits = [
        Visit(900.0, 60_000, 9_000, 50),
        Visit(1900.0, 60_000, 9_000, 50),
        Visit(1000.0, 60_000, 9_000, 50),
    ]
    crowded = {"choosing": [10.0, 12.0, 11.0], "zooming": [40.0, 60.0, 50.0]}
    found = workbench._result(visits, [20.0, 30.0, 25.0], crowded)
    assert found.ratios == pytest.approx(
        {
            "key_to_image_p95_ms": 29.5,
            "crowded_p95_ms": 59.0,
            "script_and_style_kb": 69.0,
            "cold_page_ms": 1000.0,
        }
    )
    assert any("zooming" in note for note in found.notes)
    assert {aim.ratio for aim in workbench.BENCH.aims} == set(found.ratios)


def test_a_ratio_over_one_means_that_ours_was_faster():
    ours, theirs = comparison.OURS, comparison.THEIRS
    times = {
        f"{ours}, next": [0.01, 0.02, 0.03], f"{ours}, save": [0.05, 0.05, 0.05],
        f"{theirs}, next": [0.04, 0.04, 0.04], f"{theirs}, save": [0.02, 0.03, 0.025],
    }  # fmt: skip
    found = comparison._result({"1000": times}, {ours: [4.0, 2.0], theirs: [10.0, 8.0]}, 10_000)
    assert found.ratios == pytest.approx(
        {"next_1000_theirs_over_ours": 2.0, "save_1000_theirs_over_ours": 0.5, "coco_theirs_over_ours": 4.0}
    )
    assert set(found.ratios) < {aim.ratio for aim in comparison.BENCH.aims}
