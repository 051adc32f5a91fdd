"""Heavy independent readers, each in an environment of its own, give back every id, label, shape and pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest

from annotation.geometry import area
from tests.annotation.export.rich import pack
from tests.annotation.export.truth import around, corners, objects_of, shape_of, unpack
from tests.oracles import read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("oracles")]


def truth_of(tmp_path, format, *, split=False, **options):
    archive, _ = pack(tmp_path, format, split=split, **options)
    return unpack(archive, tmp_path / "images")


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("format", ["imagefolder", "parquet", "webdataset"])
def test_hugging_face_reads_every_row(tmp_path, format, split):
    truth = truth_of(tmp_path, format, split=split)
    # Parquet and WebDataset are found by the head of README.md alone.
    builder, folder = (
        ("imagefolder", truth.folder / "data") if format == "imagefolder" else ("", truth.folder)
    )
    found = read("hub", "read_datasets", builder, folder, tmp_path / "cache")
    wanted = {"train", "val", "test"} if split else {"train"}
    assert {{"validation": "val"}.get(name, name) for name in found} == wanted
    for name, rows in found.items():
        part = {"validation": "val"}.get(name, name) if split else ""
        seen = {row["__key__" if format == "webdataset" else "image_id"]: row for row in rows}
        assert set(seen) == set(truth.of_split(part))
        assert len(seen) == len(rows)
        for image, row in seen.items():
            assert row["pixels"] == truth.digest_of_pixels(image)
            assert row["size"] == [16, 16]
            assert json.loads(row["labels"]) == truth.members[image]
            # Our own columns; a split without any region has none in the image folder.
            if format == "parquet" or (format == "imagefolder" and not split):
                assert row["objects"] == objects_of(truth.members[image])


@pytest.mark.parametrize(
    ("format", "sets"),
    [
        ("coco", ["labels", "images"]),
        ("imagefolder", ["labels", "images"]),
        ("yolo", ["labels", "images"]),
        ("voc", ["labels", "images"]),
        ("cvat", ["labels", "images"]),
        ("labelstudio", ["labels", "images"]),
        ("csv", ["labels", "images"]),
        ("csv_spreadsheet", ["labels", "images"]),
        ("dicom", ["labels", "images"]),
        ("parquet", ["labels", "rows"]),
        ("webdataset", ["labels"]),
    ],
)
def test_croissant_validates_and_gives_every_record(tmp_path, format, sets):
    truth = truth_of(tmp_path, format, split=True)
    found = read("hub", "read_croissant", truth.folder, *sets)
    assert "error" not in found["issues"].lower()
    rows = {row["image"]: row for row in found["labels"]}
    assert list(rows) == list(truth.members)
    for image, row in rows.items():
        member = truth.members[image]
        assert {name: row[name] for name in ("width", "height", "classes", "site", "reader")} == {
            name: member[name] for name in ("width", "height", "classes", "site", "reader")
        }
    if "images" in sets:
        pixels = {row["file"][:-4]: row["content"] for row in found["images"]}
    elif "rows" in sets:
        pixels = {row["image_id"]: row["image"] for row in found["rows"]}
        assert {row["image_id"]: json.loads(row["labels"]) for row in found["rows"]} == truth.members
    else:
        return
    assert pixels == {image: truth.digest_of_pixels(image) for image in truth.members}


def test_croissant_finds_a_changed_byte(tmp_path):
    truth = truth_of(tmp_path, "coco")
    labels = truth.folder / "annotations/labels.json"
    labels.write_bytes(labels.read_bytes().replace(b'"confidence":4', b'"confidence":5', 1))
    with pytest.raises(AssertionError, match=r"(?i)hash|sha256"):
        read("hub", "read_croissant", truth.folder, "labels")


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize(
    ("format", "theirs"), [("voc", "voc"), ("cvat", "cvat"), ("yolo", "yolo"), ("coco", "coco")]
)
def test_datumaro_reads_every_label_and_shape(tmp_path, format, theirs, split):
    truth = truth_of(tmp_path, format, split=split)
    found = read("detection", "read_datumaro", theirs, truth.folder)
    assert [name for name in found["classes"] if name != "background"] == truth.classes
    items = {name.split("/")[-1]: item for name, item in found["items"].items()}
    assert set(items) == set(truth.members)
    for image, item in items.items():
        member = truth.members[image]
        assert item["pixels"] == truth.digest_of_pixels(image)
        if split:
            assert item["subset"] == member["split"]
        if format == "cvat":
            assert item["classes"] == member["classes"]
        compare_shapes(format, item["shapes"], member["regions"])


def compare_shapes(format, found, regions):
    wanted = []
    for region in regions:
        kind = {"box": "Bbox", "polygon": "Polygon", "point": "Points"}[region["kind"]]
        points = [value for pair in shape_of(region).points for value in pair]
        if kind == "Points" and format != "cvat":
            continue
        if kind == "Bbox" or format in ("voc", "yolo"):
            wanted.append(["Bbox", region["class"], corners(region)])
        else:
            wanted.append([kind, region["class"], points])
        if format == "coco":  # a box and an outline for each object
            wanted.pop()
            wanted.append(["Bbox", region["class"], corners(region)])
            wanted.append(["Polygon", region["class"], points])
    assert len(found) == len(wanted)
    for one, other in zip(sorted(found), sorted(wanted), strict=True):
        assert one[:2] == other[:2]
        assert one[2] == pytest.approx(other[2], abs=0.01)


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_supervision_reads_every_yolo_label(tmp_path, task):
    truth = truth_of(tmp_path, "yolo", split=True, task=task)
    for split in ("train", "val", "test"):
        more = ["masks"] if task == "segment" else []
        found = read("detection", "read_supervision", truth.folder, split, *more)
        assert found["classes"] == truth.classes
        assert set(found["items"]) == set(truth.of_split(split))
        for image, item in found["items"].items():
            regions = [region for region in truth.members[image]["regions"] if region["kind"] != "point"]
            assert item["classes"] == [region["class"] for region in regions]
            assert np.array_equal(np.array(item["grey"]), truth.pixels[image])
            if task == "detect":
                assert np.allclose(item["boxes"], [corners(region) for region in regions] or [], atol=0.01)
            else:
                assert len(item["areas"]) == len(regions)


def test_label_studios_own_converter_gives_our_coco(tmp_path):
    truth = truth_of(tmp_path, "labelstudio", points=False)
    found = read("labelstudio", "read_labelstudio", truth.folder, tmp_path / "converted")
    names = {row["id"]: row["name"] for row in found["categories"]}
    images = {row["id"]: row["file_name"].split("/")[-1].split("%2F")[-1][:-4] for row in found["images"]}
    assert set(images.values()) >= {image for image, member in truth.members.items() if member["regions"]}
    seen = sorted(
        (images[row["image_id"]], names[row["category_id"]], [round(value, 3) for value in row["bbox"]])
        for row in found["annotations"]
    )
    wanted = sorted(
        (image, region["class"], around(region))
        for image, member in truth.members.items()
        for region in member["regions"]
    )
    assert [row[:2] for row in seen] == [row[:2] for row in wanted]
    assert np.allclose([row[2] for row in seen], [row[2] for row in wanted], atol=0.01)
    outlines = [row["area"] for row in found["annotations"] if row["segmentation"]]
    ours = [
        area(shape_of(region))
        for member in truth.members.values()
        for region in member["regions"]
        if region["kind"] == "polygon"
    ]
    assert np.allclose(sorted(outlines), sorted(ours), rtol=0.02)


def test_label_studios_own_converter_gives_every_key_point(tmp_path):
    truth = truth_of(tmp_path, "labelstudio")
    found = read("labelstudio", "read_labelstudio", truth.folder, tmp_path / "converted")
    images = {row["id"]: row["file_name"].split("/")[-1][:-4] for row in found["images"]}
    (category,) = found["categories"]
    seen = []
    for row in found["annotations"]:
        places = np.reshape(row.get("keypoints", []), (-1, 3))
        for name, (x, y, shown) in zip(category["keypoints"], places, strict=False):
            if shown:
                seen.append((images[row["image_id"]], name, x, y))
    wanted = [
        (image, region["class"], round(region["geometry"]["x"]), round(region["geometry"]["y"]))
        for image, member in truth.members.items()
        for region in member["regions"]
        if region["kind"] == "point"
    ]  # their converter rounds to whole pixels
    assert sorted(seen) == sorted(wanted)
