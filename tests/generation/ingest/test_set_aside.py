"""Refused pictures that a person may take in after all: what is kept of them, and what must be known of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.generation.ingest.builders import SC_IMAGE, dicom, encoded, ingest_here, texture

BLANK = encoded(np.full((64, 64), 250, np.uint8))


def others(count: int = 4) -> list[bytes]:
    return [encoded(texture(n)) for n in range(100, 100 + count)]


def scan(seed: int = 1, shape: tuple[int, ...] = (200, 200), **tags: Any) -> bytes:
    grey = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    tags = {"SOPClassUID": SC_IMAGE, "Modality": "OT", **grey, **tags}
    return dicom(texture(seed, shape), **tags)


def test_what_may_be_overruled_is_kept_whole(tmp_path: Any) -> None:
    options = {"classes": {"1": "flat"}, "image_size": 64}
    outcome = ingest_here(tmp_path, [BLANK, *others()], options)
    (row,) = outcome.rejected
    kept = row["candidate"]
    assert (row["code"], kept["class"], kept["width"], kept["height"], kept["channels"], kept["bits"]) == (
        "blank", "flat", 64, 64, 1, 8,
    )  # fmt: skip
    assert outcome.pixels(kept).shape == (64, 64)
    assert kept["group_key"].startswith("i-")
    assert {"pixel_digest", "size", "flags", "source", "thumb", "resembles"} <= set(kept)


def test_a_small_picture_waits_in_the_size_that_all_are_brought_to(tmp_path: Any) -> None:
    outcome = ingest_here(tmp_path, [encoded(texture(1, (20, 20))), *others()], {"image_size": 64})
    (row,) = outcome.rejected
    assert row["code"] == "too_small"
    assert outcome.pixels(row["candidate"]).shape == (64, 64)
    assert row["candidate"]["flags"] == ["enlarged"]


@pytest.mark.parametrize("checked", [False, True])
def test_a_picture_that_may_show_text_is_kept_in_full_size_to_be_looked_at(
    tmp_path: Any, checked: bool
) -> None:
    options = {"image_size": 64, "burned_in_checked": checked}
    outcome = ingest_here(tmp_path, [scan(), *others()], options)
    assert outcome.codes == ({} if checked else {"1": "burned_in_unknown"})
    assert len(outcome.accepted) == 4 + checked
    for row in outcome.rejected:
        with Image.open(outcome.work / row["candidate"]["full"]) as picture:
            assert picture.size == (200, 200)


def test_text_that_is_there_for_certain_is_not_kept(tmp_path: Any) -> None:
    outcome = ingest_here(tmp_path, [scan(BurnedInAnnotation="YES"), *others()], {"image_size": 64})
    (row,) = outcome.rejected
    assert (row["code"], row["overrulable"], row["thumb"]) == ("burned_in", False, None)


def test_text_goes_before_every_other_reason(tmp_path: Any) -> None:
    small_and_unsaid = scan(shape=(20, 20))
    assert ingest_here(tmp_path, [small_and_unsaid, *others()], {"image_size": 64}).codes == {
        "1": "burned_in_unknown"
    }


def test_nothing_is_kept_of_what_would_be_cut_into_tiles(tmp_path: Any) -> None:
    uploads = [scan(), encoded(texture(3, (200, 200))), encoded(texture(4, (40, 40)))]
    outcome = ingest_here(tmp_path, uploads, {"tile": {"size": 64, "stride": 64}})
    whole = {row["ordinal"]: row["overrulable"] for row in outcome.rejected if "@" not in row["ordinal"]}
    assert whole == {"1": False, "3": False}


def test_of_the_same_pixels_one_is_kept(tmp_path: Any) -> None:
    outcome = ingest_here(tmp_path, [BLANK, BLANK, *others()])
    assert [row["overrulable"] for row in outcome.rejected] == [True, False]


def test_blurred_pictures_are_flagged_or_set_aside_as_the_person_wants(tmp_path: Any) -> None:
    coarse = Image.fromarray(texture(50)).resize((4, 4)).resize((64, 64), Image.Resampling.BICUBIC)
    uploads = [encoded(np.asarray(coarse)), *others(10)]
    flagged = ingest_here(tmp_path / "flag", uploads)
    assert [row["flags"] for row in flagged.accepted if row["ordinal"] == "1"] == [["blurred"]]
    aside = ingest_here(tmp_path / "aside", uploads, {"drop_blurred": True})
    assert {row["ordinal"]: (row["code"], row["overrulable"]) for row in aside.rejected} == {
        "1": ("blurred", True)
    }


def test_a_near_duplicate_names_what_it_looks_like(tmp_path: Any) -> None:
    uploads = [encoded(texture(1)), encoded(texture(1)[:, ::-1].copy()), *others()]
    outcome = ingest_here(tmp_path, uploads)
    (row,) = outcome.rejected
    first = next(image for image in outcome.accepted if image["ordinal"] == "1")
    assert row["candidate"]["resembles"] == [first["digest"]]
    assert not row["candidate"]["crowded"]


def test_refused_pictures_name_each_other_and_what_comes_later(tmp_path: Any) -> None:
    """Two that wait and look alike must never be taken to two sides; nor one that waits and one that comes."""
    first = ingest_here(tmp_path / "one", [scan(1), scan(1)[:-9] + bytes(9), *others()], {"image_size": 64})
    one, other = (row["candidate"] for row in first.rejected)
    assert (one["resembles"], other["resembles"]) == ([other["digest"]], [one["digest"]])
    waiting = [
        {"path": str(first.work / kept["file"]), "digest": kept["digest"], "group_key": kept["group_key"]}
        for kept in (one, other)
    ]
    known = {"waiting": waiting}
    again = ingest_here(
        tmp_path / "two",
        [encoded(texture(1, (200, 200))[::-1].copy()), *others(6)],
        {"image_size": 64},
        known=known,
    )
    assert not again.rejected
    (come,) = [row for row in again.accepted if row["ordinal"] == "1"]
    lines = [row for row in _alike(again) if come["digest"] in row["resembles"]]
    assert {row["digest"] for row in lines} == {one["digest"], other["digest"]}


def _alike(outcome: Any) -> list[dict[str, Any]]:
    import json

    return [json.loads(line) for line in (outcome.work / "alike.jsonl").read_text().splitlines()]


def test_what_was_withdrawn_does_not_come_back(tmp_path: Any) -> None:
    first = ingest_here(tmp_path / "one", others())
    gone = first.accepted[0]["digest"]
    second = ingest_here(tmp_path / "two", others(), known={"withdrawn": [gone]})
    assert second.codes == {"1": "withdrawn_before"}
    assert not any(row["overrulable"] or row["thumb"] for row in second.rejected)


def test_the_channels_of_the_data_set_decide(tmp_path: Any) -> None:
    colour = [encoded(texture(n, (64, 64, 3))) for n in range(3)]
    outcome = ingest_here(tmp_path, [*colour, encoded(texture(9))], known={"channels": 1})
    assert outcome.codes == dict.fromkeys("123", "mixed_channels")


def test_a_picture_between_two_sides_is_refused_even_where_duplicates_are_kept(tmp_path: Any) -> None:
    """A group that looks like one of training and is one of validation would let a copy across."""
    first = ingest_here(tmp_path / "one", [encoded(texture(1)), encoded(texture(2))])
    sides = dict(zip([row["group_key"] for row in first.accepted], ("train", "val"), strict=True))
    images = [
        {"path": str(first.work / row["file"]), "digest": row["digest"], "group_key": row["group_key"]}
        for row in first.accepted
    ]
    mirrored = [encoded(texture(n)[:, ::-1].copy()) for n in (1, 2)]
    both = ingest_here(
        tmp_path / "two",
        [*mirrored, *others()],
        {"drop_duplicates": False, "groups": {"1": "p", "2": "p"}},
        known={"images": images, "groups": sides},
    )
    assert both.codes == {"2": "near_duplicate_known"}
    assert {row["split"] for row in both.accepted if row["ordinal"] == "1"} == {"train"}
