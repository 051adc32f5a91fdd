"""Detection sets: each box becomes an image with its class, its photograph is the group, nothing left out is hidden."""

import itertools
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.generation.ingest.builders import encoded, ingest_here, ingest_in_child, texture, zipped
from tests.generation.ingest.detection import CELLS, SIZE, coco, photograph, voc

BCCD = Path(__file__).resolve().parents[4] / "shared" / "data" / "bccd"


def boxes(outcome):
    return [(row["class"], *row["source"]["box"]) for row in outcome.accepted]


@pytest.mark.parametrize("form", ["voc", "coco"])
@pytest.mark.parametrize("loose", [True, False])
def test_each_box_becomes_an_image_with_its_class_and_its_place(tmp_path, form, loose):
    annotations = voc() if form == "voc" else coco({"a.png": CELLS})
    name = "a.xml" if form == "voc" else "instances.json"
    if loose:
        names = {"1": "set/a.png", "2": f"set/{name}"}
        outcome = ingest_here(tmp_path, [photograph(1), annotations], {"names": names})
        places = [f"1!{n}" for n in (1, 2, 3)]
    else:
        members = [("set/Annotations/" + name, annotations), ("set/JPEGImages/a.png", photograph(1))]
        outcome = ingest_here(tmp_path, [zipped(members)])
        places = [f"1/2!{n}" for n in (1, 2, 3)]
    assert not outcome.rejected
    assert [row["ordinal"] for row in outcome.accepted] == places
    assert boxes(outcome) == [(label, *map(float, edges)) for label, *edges in CELLS]
    assert len({row["group_key"] for row in outcome.accepted}) == 1


def test_a_crop_shows_the_box_with_a_margin_and_real_pixels_only(tmp_path):
    outcome = ingest_here(
        tmp_path, [zipped([("a.png", photograph(1)), ("a.xml", voc())])], {"crop": {"margin": 0.1}}
    )
    photo = texture(1, (SIZE[1], SIZE[0], 3))
    for row, (_, x, y, width, height) in zip(outcome.accepted, CELLS, strict=True):
        left, top, wide, high = row["source"]["crop"]
        assert wide == high == -(-max(width, height) * 12 // 10)  # a tenth at each side, rounded up
        assert left <= x
        assert top <= y
        assert x + width <= left + wide
        assert y + height <= top + high
        assert not row["source"]["mirrored"]
        assert np.array_equal(outcome.pixels(row), photo[top : top + high, left : left + wide])
    assert [row["source"]["moved"] != [0, 0] for row in outcome.accepted] == [False, False, False]
    wider = ingest_here(
        tmp_path / "w", [zipped([("a.png", photograph(1)), ("a.xml", voc())])], {"crop": {"margin": 0.5}}
    )
    corner = wider.accepted[2]["source"]
    assert corner["crop"][:2] == [0, 0]
    assert corner["moved"] == [8, 7]


@pytest.mark.parametrize(
    ("options", "shapes"),
    [
        ({"image_size": 32}, {(32, 32, 3)}),
        ({"crop": {"side": 48}}, {(48, 48, 3)}),
        ({"crop": {"margin": 0, "square": False}}, {(24, 30, 3), (40, 40, 3), (20, 20, 3)}),
    ],
)
def test_forms_of_crops(tmp_path, options, shapes):
    outcome = ingest_here(tmp_path, [zipped([("a.png", photograph(1)), ("a.xml", voc())])], options)
    assert {outcome.pixels(row).shape for row in outcome.accepted} == shapes


def test_an_object_longer_than_the_picture_is_high_is_whole_and_mirrored_at_its_sides(tmp_path):
    long = [("worm", 5, 40, 150, 30)]
    outcome = ingest_here(tmp_path, [zipped([("a.png", photograph(1)), ("a.xml", voc(long))])])
    (row,) = outcome.accepted
    cut, photo = outcome.pixels(row), texture(1, (SIZE[1], SIZE[0], 3))
    left, top, wide, high = row["source"]["crop"]
    assert (wide, high, row["source"]["mirrored"]) == (150, 150, True)
    assert np.array_equal(cut[-top : SIZE[1] - top], photo[:, left : left + wide])
    assert np.array_equal(cut[-top - 1], photo[0, left : left + wide])


def test_a_small_object_is_shown_with_more_around_it_and_not_blown_up(tmp_path):
    outcome = ingest_here(
        tmp_path,
        [zipped([("a.png", photograph(1)), ("a.xml", voc([("dot", 70, 50, 4, 3)]))])],
        {"image_size": 64},
    )
    assert outcome.accepted[0]["source"]["crop"][2:] == [32, 32]


def test_a_class_of_the_photograph_never_replaces_that_of_a_box(tmp_path):
    archive = zipped([("smears/a.png", photograph(1)), ("smears/a.xml", voc())])
    outcome = ingest_here(tmp_path, [archive], {"folder_classes": True, "classes": {"1": "smear"}})
    assert Counter(row["class"] for row in outcome.accepted) == {"red": 2, "white": 1}


UNUSABLE = {
    "box_no_area": ("red", 20, 20, 0, 9),
    "box_outside": ("red", 150, 100, 90, 90),
    "box_class": (" ", 20, 20, 9, 9),
    "box_too_long": ("red", 0, 4, 150, 8),
}


@pytest.mark.parametrize(("code", "box"), UNUSABLE.items())
@pytest.mark.parametrize("form", ["voc", "coco"])
def test_a_box_that_cannot_be_cut_is_told_with_its_place(tmp_path, code, box, form):
    size = (160, 30) if code == "box_too_long" else SIZE
    rows = [("red", 40, 5, 20, 20), box, ("red", 70, 4, 20, 20)]
    images = [{"id": 0, "file_name": "a.png"}]
    annotations = voc(rows, size=size) if form == "voc" else coco({"a.png": rows}, images=images)
    outcome = ingest_here(tmp_path, [zipped([("a.png", photograph(1, size)), ("a.xml", annotations)])])
    assert outcome.codes == {"1/1!2": code}
    assert [row["ordinal"] for row in outcome.accepted] == ["1/1!1", "1/1!3"]


@pytest.mark.parametrize("edges", ["nan", "inf", "1e400", "x", "", "9" * 5000])
def test_numbers_that_are_none(tmp_path, edges):
    broken = voc([*CELLS[:1], ("red", 5, 5, 9, 9)]).replace(b"<xmin>5<", f"<xmin>{edges}<".encode())
    outcome = ingest_here(tmp_path, [zipped([("a.png", photograph(1)), ("a.xml", broken)])])
    assert outcome.codes == {"1/1!2": "box_layout"}


def test_what_is_wrong_in_a_coco_file_is_told_row_by_row(tmp_path):
    annotations = [
        {"image_id": 0, "category_id": 1, "bbox": [10, 10, 20, 20]},
        {"image_id": 99, "category_id": 1, "bbox": [10, 10, 20, 20]},
        {"image_id": 0, "category_id": 1, "bbox": [10, 10, 20]},
        {"image_id": 0, "category_id": 1, "bbox": "all"},
        {"image_id": 0, "category_id": 5, "bbox": [10, 10, 20, 20]},
        {"image_id": 0, "category_id": 1, "bbox": [10, 10, 20, 20], "iscrowd": 1},
        {"image_id": [], "category_id": {}, "bbox": [True, 1, 1, 1]},
    ]
    images = [{"id": 0, "file_name": "a.png"}, {"id": 1, "file_name": "gone.png"}]
    content = coco({}, images=images, annotations=annotations, categories=[{"id": 1, "name": "red"}])
    outcome = ingest_here(tmp_path, [zipped([("a.png", photograph(1)), ("all.json", content)])])
    assert len(outcome.accepted) == 1
    assert outcome.codes == {
        "1/2!2": "annotation_no_picture", "1/2!7": "annotation_no_picture", "1/2": "annotation_no_picture",
        "1/1!2": "box_layout", "1/1!3": "box_layout", "1/1!4": "box_class", "1/1!5": "box_crowd",
    }  # fmt: skip


def test_pictures_without_boxes_and_boxes_without_pictures(tmp_path):
    members = [
        ("a.png", photograph(1)), ("a.xml", voc()),
        ("b.png", photograph(2)),
        ("c.png", photograph(3)), ("c.xml", voc([])),
        ("d.xml", voc(name="d.png")),
        ("e.png", photograph(5)), ("e.xml", voc(size=(640, 480))),
        ("notes.xml", b"<notes/>"), ("settings.json", b'{"a": 1}'),
    ]  # fmt: skip
    outcome = ingest_here(tmp_path, [zipped(members)])
    assert outcome.codes == {
        "1/3": "no_boxes", "1/4": "no_boxes", "1/6": "annotation_no_picture", "1/7": "annotation_size",
        "1/9": "annotation_layout", "1/10": "annotation_layout",
    }  # fmt: skip
    assert {row["ordinal"][:3] for row in outcome.accepted} == {"1/1"}


def test_a_picture_is_annotated_once(tmp_path):
    members = [("a.png", photograph(1)), ("a.xml", voc()), ("all.json", coco({"a.png": CELLS[:1]}))]
    outcome = ingest_here(tmp_path, [zipped(members)])
    assert (len(outcome.accepted), outcome.codes) == (3, {"1/3": "annotation_twice"})


NAMES = "abcdefghijklm"
LAUGHS = (
    '<!DOCTYPE annotation [<!ENTITY a "ha">'
    + "".join(f"<!ENTITY {b} '" + f"&{a};" * 10 + "'>" for a, b in itertools.pairwise(NAMES))
    + "]>"
)
HOSTILE = {
    "billion laughs": (voc(name="&m;", head=LAUGHS), "annotation_dtd"),
    "file of the server": (
        voc(name="&x;", head='<!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        "annotation_dtd",
    ),
    "document type from elsewhere": (
        voc(head='<!DOCTYPE annotation SYSTEM "http://127.0.0.1/x.dtd">'), "annotation_dtd"
    ),
    "cut off": (voc()[:-20], "annotation_damaged"),
    "no such encoding": (voc(head='<?xml version="1.0" encoding="no-such"?>'), "annotation_damaged"),
    "very deep": (b"<annotation>" + b"<a>" * 300_000, "annotation_damaged"),
    "too large": (voc() + b"<!--" + random.Random(1).randbytes(2_500_000).hex().encode(), "annotation_too_large"),
    "a bomb": (voc() + b" " * 5_000_000, "archive_ratio"),
    "deep json": (b'{"images":' + b"[" * 100_000, "annotation_damaged"),
    "not utf-8": (b'{"images": "\xff"}', "annotation_damaged"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_annotations_cost_a_refusal_and_little_memory(tmp_path, content, code):
    name = "a.json" if content.startswith(b"{") else "a.xml"
    outcome = ingest_in_child(tmp_path, [zipped([("a.png", photograph(1)), (name, content)])])
    assert outcome.status == 0
    # Without its boxes nobody can tell what the photograph was meant for: it is not taken as an image of its own.
    assert (outcome.codes, outcome.accepted) == ({"1/2": code}, [])
    assert outcome.peak_mib < 300


def test_one_bad_annotation_among_good_ones_costs_its_picture_only(tmp_path):
    members = [("a.png", photograph(1)), ("a.xml", voc()), ("b.png", photograph(2)), ("b.xml", voc()[:-9])]
    outcome = ingest_here(tmp_path, [zipped(members)])
    assert outcome.codes == {"1/4": "annotation_damaged", "1/3": "no_boxes"}
    assert len(outcome.accepted) == 3


def test_boxes_and_tiles_exclude_each_other(tmp_path):
    archive = zipped([("a.png", photograph(1)), ("a.xml", voc())])
    outcome = ingest_here(tmp_path, [archive], {"tile": {"size": 32}})
    assert (outcome.codes, outcome.accepted) == ({"1/2": "annotation_not_asked"}, [])


def test_pages_and_frames_are_not_cut_by_boxes_of_one_picture(tmp_path):
    pages = [Image.fromarray(texture(n, (SIZE[1], SIZE[0]))) for n in (1, 2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    archive = zipped([("a.tif", (tmp_path / "a.tif").read_bytes()), ("a.xml", voc(name="a.tif"))])
    assert ingest_here(tmp_path, [archive]).codes == {"1/1#1": "boxes_of_pages", "1/1#2": "boxes_of_pages"}


def test_the_same_field_photographed_twice_stays_on_one_side(tmp_path):
    one = texture(1, (SIZE[1], SIZE[0], 3))
    again = np.clip(one.astype(int) + 9, 0, 255).astype(np.uint8)
    members = [("p1.png", encoded(one)), ("p1.xml", voc()), ("p2.png", encoded(again)), ("p2.xml", voc())]
    for seed in range(3, 9):
        members += [(f"p{seed}.png", photograph(seed)), (f"p{seed}.xml", voc())]
    outcome = ingest_here(tmp_path, [zipped(members)])
    assert len(outcome.accepted) == 24  # objects look alike by nature: none is left out for it
    splits = {row["ordinal"].partition("!")[0]: row["split"] for row in outcome.accepted}
    assert splits["1/1"] == splits["1/3"]
    assert outcome.result["datasheet"]["duplicates"]["tied_groups"] == 1


def test_names_are_nowhere_in_what_the_child_says_and_leaves(tmp_path):
    members = [("Musterfrau_1964.png", photograph(1)), ("Musterfrau_1964.xml", voc(name="Erika.png"))]
    outcome = ingest_in_child(tmp_path, [zipped(members)])
    said = outcome.stdout + outcome.stderr
    left = b"".join(path.read_bytes() for path in outcome.work.rglob("*") if path.is_file())
    for secret in ("Musterfrau", "Erika"):
        assert secret not in said
        assert secret.encode() not in left


@pytest.mark.skipif(not BCCD.is_dir(), reason=f"no real detection set: {BCCD} is absent")
def test_a_real_detection_set_with_its_two_boxes_without_area(tmp_path):
    files = sorted([*BCCD.glob("JPEGImages/*.jpg"), *BCCD.glob("Annotations/*.xml")])
    few = [path for path in files if path.stem[-3:] in {"338", "343"} or path.stem[-3:] < "040"]
    names = {str(n): f"{path.parent.name}/{path.name}" for n, path in enumerate(few, start=1)}
    outcome = ingest_here(tmp_path, [path.read_bytes() for path in few], {"names": names, "image_size": 64})
    told = {
        names[row["ordinal"].partition("!")[0]]: row["ordinal"].partition("!")[2] for row in outcome.rejected
    }
    assert set(outcome.codes.values()) == {"box_no_area"}
    assert told == {"JPEGImages/BloodImage_00338.jpg": "13", "JPEGImages/BloodImage_00343.jpg": "4"}
    counted = sum(path.read_text().count("<object>") for path in few if path.suffix == ".xml")
    assert len(outcome.accepted) == counted - 2 > 400
    groups = {row["ordinal"].partition("!")[0]: row["group_key"] for row in outcome.accepted}
    assert len(set(groups.values())) == len(groups) == len(few) // 2
    assert json.dumps(outcome.result).count("BloodImage") == 0
