"""Exact and near duplicates."""

import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from generation.ingest.duplicates import COARSE, compare, find_near, fingerprint, symmetries
from tests.generation.ingest.builders import encoded, ingest_here, texture


def grey(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L"), np.float32) / 255


def views(pixels: np.ndarray) -> list[np.ndarray]:
    return [
        np.ascontiguousarray(np.rot90(side, turns))
        for side in (pixels, pixels[:, ::-1])
        for turns in range(4)
    ]


def resaved(pixels: np.ndarray, quality: int = 60) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded(pixels, "JPEG", quality=quality))))


def tissue(x: int, y: int, size: int = 128) -> Any:
    return skimage.data.immunohistochemistry()[y : y + size, x : x + size]


def test_one_fingerprint_serves_all_eight_views():
    picture = grey(tissue(0, 0))
    calculated = {
        view.round(4).tobytes() for view in symmetries(fingerprint(picture).round(4) + np.float32(0))
    }
    assert len(calculated) == 8
    for view in views(picture):
        assert compare(fingerprint(view), fingerprint(picture)[None])[0] > 0.999


@pytest.mark.parametrize("view", range(8))
@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: pixels,
        resaved,
        lambda pixels: np.asarray(Image.fromarray(pixels).resize((90, 90), Image.Resampling.BICUBIC)),
        lambda pixels: (pixels * 0.7 + 30).astype(np.uint8),
        lambda pixels: np.clip(pixels + np.random.default_rng(0).normal(0, 6, pixels.shape), 0, 255).astype(
            np.uint8
        ),
    ],
    ids=["same", "jpeg", "resized", "brighter", "noisy"],
)
def test_changed_copies_are_found_in_every_view(view, change):
    original, copy = tissue(100, 100), views(change(tissue(100, 100)))[view]
    prints = [fingerprint(grey(picture)) for picture in (original, tissue(300, 300), copy)]
    (match,) = find_near(prints, ["a", "b", "c"])
    assert (match.first, match.second) == (0, 2)
    assert match.correlation >= COARSE


def test_neighbouring_tissue_is_no_duplicate():
    places = [(x, y) for x in range(0, 449, 64) for y in range(0, 449, 64)]
    prints = [fingerprint(grey(tissue(x, y, 64))) for x, y in places]
    assert not list(find_near(prints, places))


def test_pictures_of_one_outline_but_other_texture_are_no_duplicates():
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    outline = np.exp(-3 * (x**2 + 2 * y**2)) * 200  # two patients, one anatomy
    rng = np.random.default_rng(3)
    prints = [
        fingerprint(np.clip(outline + rng.normal(0, 25, outline.shape), 0, 255).astype(np.float32) / 255)
        for _ in range(2)
    ]
    assert not list(find_near(prints, ["a", "b"]))


def test_the_search_finds_what_comparing_all_pairs_finds():
    rng = np.random.default_rng(5)
    base = [texture(seed) for seed in range(40)]
    copies = [views(resaved(base[rng.integers(40)]))[rng.integers(8)] for _ in range(20)]
    prints = [fingerprint(grey(picture)) for picture in base + copies]
    table = np.stack(prints)
    expected = {
        second for second in range(1, len(prints)) if compare(table[second], table[:second]).max() > 0
    }
    assert {match.second for match in find_near(prints, range(len(prints)))} == expected
    assert set(range(40, 60)) <= expected


def test_a_mirrored_copy_of_another_patient_is_refused_and_the_rest_stays(tmp_path):
    uploads = [
        encoded(tissue(0, 0)),
        encoded(tissue(0, 0)[:, ::-1].copy()),
        encoded(tissue(300, 300)),
        encoded(tissue(0, 0)),
    ]
    outcome = ingest_here(tmp_path, uploads)
    assert outcome.codes == {"2": "near_duplicate", "4": "exact_duplicate"}
    assert all("place 1" in row["detail"] for row in outcome.rejected)
    assert [row["overrulable"] for row in sorted(outcome.rejected, key=lambda row: row["ordinal"])] == [
        True,
        False,
    ]
    stored = {path.name for path in (outcome.work / "images").iterdir()}
    waiting = [row["candidate"] for row in outcome.rejected if row["overrulable"]]
    assert stored == {row["file"].removeprefix("images/") for row in (*outcome.accepted, *waiting)}
    assert all((outcome.work / row["thumb"]).exists() for row in outcome.rejected)


def test_when_they_are_kept_their_groups_stay_on_one_side(tmp_path):
    sources = [texture(seed, (96, 96)) for seed in range(12)]
    uploads = [encoded(picture) for picture in sources] + [
        encoded(picture[::-1].copy()) for picture in sources
    ]
    outcome = ingest_here(tmp_path, uploads, {"drop_duplicates": False})
    side = {row["ordinal"]: row["split"] for row in outcome.accepted}
    assert len(side) == 24
    assert all(side[str(number)] == side[str(number + 12)] for number in range(1, 13))
    assert set(side.values()) == {"train", "val"}
    assert outcome.result["datasheet"]["flags"] == {"near_duplicate": 12}


def test_within_a_patient_pictures_may_look_alike(tmp_path):
    uploads = [encoded(tissue(0, 0)), encoded(resaved(tissue(0, 0), 90))]
    assert not ingest_here(tmp_path, uploads, {"groups": {"1": "p", "2": "p"}}).rejected


def test_a_copy_of_a_dropped_copy_stays_when_it_is_unlike_what_was_kept():
    one, other = fingerprint(grey(tissue(0, 0))), fingerprint(grey(tissue(0, 0)))
    dropped: set[int] = set()
    found = []
    for match in find_near([one, other, other], ["a", "b", "c"], 0, dropped):
        found.append((match.first, match.second))
        dropped.add(match.second)
    assert found == [(0, 1), (0, 2)]
    assert list(find_near([one, other], ["a", "b"], 0, {0})) == []


def test_what_the_data_set_holds_already_counts(tmp_path):
    first = ingest_here(tmp_path / "first", [encoded(tissue(0, 0)), encoded(tissue(300, 300))])
    known = {
        "images": [
            {"path": str(first.work / row["file"]), "digest": row["digest"], "group_key": row["group_key"]}
            for row in first.accepted
        ],
        "groups": {row["group_key"]: "val" for row in first.accepted},
    }
    uploads = [encoded(tissue(0, 0)), encoded(tissue(300, 300)[::-1].copy()), encoded(tissue(200, 0))]
    second = ingest_here(tmp_path / "second", uploads, known=known)
    assert second.codes == {"1": "already_present", "2": "near_duplicate_known"}
    assert [row["ordinal"] for row in second.accepted] == ["3"]
    tied = ingest_here(tmp_path / "third", uploads[1:], {"drop_duplicates": False}, known=known)
    assert {row["ordinal"]: row["split"] for row in tied.accepted}["1"] == "val"
