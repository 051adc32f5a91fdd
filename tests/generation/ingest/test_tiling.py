"""Tiles, blocks and the guard band; the demonstration slide above all."""

from itertools import pairwise

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from generation.ingest.tiling import SLIDE_SHARES, TilePlan, count_independent, cut_blocks, tiles_of
from tests.generation.ingest.builders import encoded, ingest_here, ingest_in_child, texture

IHC = {"tile": {"size": 64, "stride": 16}}


@pytest.fixture(scope="module")
def slide():
    return skimage.data.immunohistochemistry()


@pytest.fixture(scope="module")
def cut(slide, tmp_path_factory):
    return ingest_in_child(tmp_path_factory.mktemp("ihc"), [encoded(slide)], IHC)


def covered(rows, split: str) -> np.ndarray:
    mask = np.zeros((512, 512), bool)
    for row in rows:
        if row["split"] == split:
            x, y, width, height = row["region"]
            mask[y : y + height, x : x + width] = True
    return mask


def test_the_slide_gives_enough_tiles_in_several_groups(cut):
    parts = cut.result["datasheet"]["splits"]
    assert cut.result["counts"] == {"files": 1, "pictures": 1, "accepted": 440, "rejected": 0}
    assert parts["train"]["images"] >= 300
    assert parts["val"]["images"] >= 80
    assert parts["train"]["groups"] >= 4
    assert parts["val"]["groups"] >= 4
    assert parts["held_out"]["images"] == 0


def test_no_pixel_is_on_two_sides(cut):
    train, val = covered(cut.accepted, "train"), covered(cut.accepted, "val")
    assert train.any()
    assert val.any()
    assert not (train & val).any()
    # the guard band: the nearest columns of the two sides are at least that far apart
    gap = np.flatnonzero(val.any(axis=0)).min() - np.flatnonzero(train.any(axis=0)).max() - 1
    assert gap >= 16
    assert np.flatnonzero(val.any(axis=0)).min() > 512 * 0.6  # the right third or so


def test_no_two_groups_share_a_pixel(cut):
    owner = np.full((512, 512), "", dtype=object)
    for row in cut.accepted:
        x, y, width, height = row["region"]
        held = set(owner[y : y + height, x : x + width].ravel()) - {""}
        assert held <= {row["group_key"]}
        owner[y : y + height, x : x + width] = row["group_key"]


def test_tiles_are_the_pixels_of_their_place(cut, slide):
    for row in cut.accepted[::37]:
        x, y, width, height = row["region"]
        assert row["ordinal"] == f"1@{x},{y}"
        assert (cut.pixels(row) == slide[y : y + height, x : x + width]).all()


def test_the_data_sheet_says_what_the_tiles_are(cut):
    sheet = cut.result["datasheet"]
    assert sheet["splits"]["train"]["independent_images"] == 32
    assert sheet["splits"]["val"]["independent_images"] == 16
    assert sheet["tiling"] == {"size": 64, "stride": 16, "guard": 16, "by": "region blocks", "slides": 1}
    said = " ".join(sheet["statements"])
    assert "440 tiles" in said
    assert "one slide of one patient" in said
    assert {"one_slide", "few_to_validate"} <= {warning["code"] for warning in sheet["warnings"]}


def test_independent_tiles_really_share_nothing(cut):
    tiles = [
        tile
        for block in cut_blocks(512, 512, TilePlan(64, 16), SLIDE_SHARES)
        for tile in tiles_of(block.region, TilePlan(64, 16))
    ]
    assert len(tiles) == len(cut.accepted)
    assert count_independent([tile for tile in tiles if tile.x < 100 and tile.y < 60], 64) == 2


def test_the_same_slide_gives_the_same_bytes(cut, slide, tmp_path):
    again = ingest_here(tmp_path, [encoded(slide, "TIFF")], IHC)
    drop = {"source", "deid"}
    assert [{key: value for key, value in row.items() if key not in drop} for row in again.accepted] == [
        {key: value for key, value in row.items() if key not in drop} for row in cut.accepted
    ]


def test_many_slides_are_parted_as_wholes(tmp_path):
    outcome = ingest_here(
        tmp_path, [encoded(texture(n, (128, 128))) for n in range(6)], {"tile": {"size": 64, "stride": 32}}
    )
    by_slide: dict[str, set[str]] = {}
    for row in outcome.accepted:
        by_slide.setdefault(row["ordinal"].partition("@")[0], set()).add(row["split"])
    assert len(by_slide) == 6
    assert all(len(splits) == 1 for splits in by_slide.values())
    assert {split for splits in by_slide.values() for split in splits} == {"train", "val"}
    assert outcome.result["datasheet"]["tiling"]["by"] == "slides"


def test_known_patients_are_never_cut_apart(tmp_path):
    uploads = [encoded(texture(n, (256, 256))) for n in range(3)]
    options = {"tile": {"size": 64, "stride": 32}, "groups": {"1": "anna", "2": "anna", "3": "bert"}}
    outcome = ingest_here(tmp_path, uploads, options)
    sides = {
        place: {row["split"] for row in outcome.accepted if row["ordinal"].startswith(place)}
        for place in "123"
    }
    assert sides["1"] == sides["2"]
    assert len(sides["1"]) == len(sides["3"]) == 1


def test_the_same_slide_twice_and_background_tiles(tmp_path):
    slide = texture(1, (256, 256))
    slide[:64, :64] = 240  # empty glass
    outcome = ingest_here(
        tmp_path, [encoded(slide), encoded(slide)], {"tile": {"size": 64, "stride": 64, "guard": 0}}
    )
    assert outcome.codes == {"1@0,0": "blank", "2": "exact_duplicate"}


def test_a_picture_too_small_for_two_sides_all_goes_to_train(tmp_path):
    outcome = ingest_here(tmp_path, [encoded(texture(1, (100, 100)))], {"tile": {"size": 64, "stride": 16}})
    assert {row["split"] for row in outcome.accepted} == {"train"}
    assert "no_validation" in {warning["code"] for warning in outcome.result["datasheet"]["warnings"]}


plans = st.builds(
    TilePlan,
    size=st.integers(8, 64),
    stride=st.integers(1, 8),
    block=st.none() | st.integers(64, 300),
    guard=st.none() | st.integers(0, 64),
)


@given(
    st.integers(64, 700), st.integers(64, 700), plans,
    st.sampled_from([SLIDE_SHARES, {"train": 0.5, "val": 0.3, "held_out": 0.2}, {"train": 1.0}]),
)  # fmt: skip
def test_blocks_never_touch_and_sides_keep_their_distance(width, height, plan, shares):
    blocks = cut_blocks(width, height, plan, shares)
    wide = width >= height
    taken = np.zeros((height, width), np.uint8)
    for block in blocks:
        region = block.region
        assert region.x >= 0
        assert region.y >= 0
        assert region.x + region.width <= width
        assert region.y + region.height <= height
        assert region.width >= plan.size
        assert region.height >= plan.size
        taken[region.y : region.y + region.height, region.x : region.x + region.width] += 1
    assert taken.max() == 1
    spans: dict[str | None, list[tuple[int, int]]] = {}
    for block in blocks:
        region = block.region
        start, length = (region.x, region.width) if wide else (region.y, region.height)
        spans.setdefault(block.split, []).append((start, start + length))
    edges = sorted(
        (min(start for start, _ in places), max(end for _, end in places)) for places in spans.values()
    )
    for (_, end), (start, _) in pairwise(edges):
        assert start - end >= plan.guard_width
