"""Light independent readers give back every id, label, shape and pixel: pycocotools, torchvision, webdataset, csv."""

from __future__ import annotations

import contextlib
import csv
import io
import json

import numpy as np
import pytest

from annotation.geometry import area
from tests.annotation.export.rich import pack
from tests.annotation.export.truth import around, objects_of, shape_of, unpack


@pytest.fixture(params=[False, True], ids=["whole", "split"])
def split(request):
    return request.param


def truth_of(tmp_path, format, *, split=False, **options):
    archive, _ = pack(tmp_path, format, split=split, **options)
    return unpack(archive, tmp_path / "images")


def splits_of(truth):
    return sorted({member.get("split", "") for member in truth.labels["members"]})


def read_coco(truth, split, name="instances"):
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(truth.folder / f"annotations/{name}_{split or 'default'}.json"))


def test_pycocotools_reads_every_image_label_and_shape(tmp_path, split):
    truth = truth_of(tmp_path, "coco", split=split)
    for part in splits_of(truth):
        read = read_coco(truth, part)
        assert [row["name"] for row in read.loadCats(read.getCatIds())] == truth.classes
        images = read.loadImgs(read.getImgIds())
        assert [row["file_name"].split("/")[-1][:-4] for row in images] == list(truth.of_split(part))
        for row in images:
            member = truth.members[row["file_name"].split("/")[-1][:-4]]
            assert row["classes"] == member["classes"]
            regions = [region for region in member["regions"] if region["kind"] != "point"]
            found = read.loadAnns(read.getAnnIds(imgIds=[row["id"]]))
            assert [one["bbox"] for one in found] == [around(region) for region in regions]
            assert [one["area"] for one in found] == [area(shape_of(region)) for region in regions]
            names = [truth.classes[one["category_id"] - 1] for one in found]
            assert names == [region["class"] for region in regions]
            outlines = [[list(pair) for pair in shape_of(region).points] for region in regions]
            assert [np.reshape(one["segmentation"][0], (-1, 2)).tolist() for one in found] == outlines


def test_key_points_come_back(tmp_path, split):
    truth = truth_of(tmp_path, "coco", split=split)
    found = []
    for part in splits_of(truth):
        if (truth.folder / f"annotations/points_{part or 'default'}.json").exists():
            read = read_coco(truth, part, "points")
            for one in read.dataset["annotations"]:
                name = read.loadImgs([one["image_id"]])[0]["file_name"].split("/")[-1][:-4]
                found.append((name, truth.classes[one["category_id"] - 1], one["keypoints"]))
    wanted = [
        (image, region["class"], [region["geometry"]["x"], region["geometry"]["y"], 2])
        for image, member in truth.members.items()
        for region in member["regions"]
        if region["kind"] == "point"
    ]
    assert sorted(found) == sorted(wanted)
    assert wanted


@pytest.mark.filterwarnings("ignore")  # torchvision's and pycocotools' own
def test_torchvision_reads_the_same_pixels_and_targets(tmp_path, split):
    from torchvision.datasets import CocoDetection

    truth = truth_of(tmp_path, "coco", split=split)
    for part in splits_of(truth):
        with contextlib.redirect_stdout(io.StringIO()):
            rows = CocoDetection(
                str(truth.folder / "images" / part),
                str(truth.folder / f"annotations/instances_{part or 'default'}.json"),
            )
        assert len(rows) == len(truth.of_split(part))
        for (image, member), (picture, targets) in zip(truth.of_split(part).items(), rows, strict=True):
            assert np.array_equal(np.asarray(picture)[:, :, 0], truth.pixels[image])
            assert len(targets) == sum(region["kind"] != "point" for region in member["regions"])


@pytest.mark.filterwarnings("ignore")
def test_torchvision_reads_the_folders_as_classes(tmp_path, split):
    from torchvision.datasets import ImageFolder

    truth = truth_of(tmp_path, "imagefolder", split=split)
    seen = {}
    for part in splits_of(truth):
        rows = ImageFolder(str(truth.folder / "data" / part))
        for (path, number), (picture, _) in zip(rows.samples, rows, strict=True):
            image = path.split("/")[-1][:-4]
            seen[image] = (part, rows.classes[number])
            assert np.array_equal(np.asarray(picture)[:, :, 0], truth.pixels[image])
    plain = {key: key if key != "con" else "_class-3" for key in truth.classes}
    assert seen == {
        image: (member.get("split", ""), ".".join(plain[key] for key in member["classes"]))
        for image, member in truth.members.items()
    }


def test_metadata_lines_tell_all(tmp_path, split):
    truth = truth_of(tmp_path, "imagefolder", split=split, folders="flat")
    for part in splits_of(truth):
        lines = (truth.folder / "data" / part / "metadata.jsonl").read_text().splitlines()
        rows = {row["image_id"]: row for row in map(json.loads, lines)}
        assert list(rows) == list(truth.of_split(part))
        for image, row in rows.items():
            assert row["file_name"] == f"{image}.png"
            assert (truth.folder / "data" / part / row["file_name"]).exists()
            if "objects" in row or not split:  # val has no region here
                assert row["objects"] == objects_of(truth.members[image])
            assert json.loads(row["labels"]) == truth.members[image]


@pytest.mark.filterwarnings("ignore")  # webdataset's own
def test_webdataset_reads_every_sample(tmp_path, split, monkeypatch):
    import webdataset

    from annotation.export import webdataset as ours

    monkeypatch.setattr(ours, "_MIB", 3000)  # several shards
    truth = truth_of(tmp_path, "webdataset", split=split, shard_mib=2)
    for part in splits_of(truth):
        shards = sorted(map(str, (truth.folder / "shards").glob(f"{part or 'part'}-*.tar")))
        rows = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))
        assert [row["__key__"] for row in rows] == list(truth.of_split(part))
        for row in rows:
            assert np.array_equal(np.asarray(row["png"])[:, :, 0], truth.pixels[row["__key__"]])
            assert json.loads(row["json"]["labels"]) == truth.members[row["__key__"]]


def test_parquet_rows_hold_every_value_and_the_very_file(tmp_path, split):
    import pyarrow.parquet as pq

    truth = truth_of(tmp_path, "parquet", split=split)
    for part in splits_of(truth):
        rows = pq.read_table(truth.folder / f"data/{part or 'part'}-00000.parquet").to_pylist()
        assert [row["image_id"] for row in rows] == list(truth.of_split(part))
        for row in rows:
            member = truth.members[row["image_id"]]
            assert row["image"]["bytes"] == (tmp_path / "images" / row["image_id"]).read_bytes()
            assert row["objects"] == objects_of(member)
            assert json.loads(row["labels"]) == member
            columns = ("classes", "site", "confidence", "reader", "reviewers", "width", "height")
            assert {name: row[name] for name in columns} == {name: member[name] for name in columns}


def test_row_groups_stay_under_their_limit(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    from annotation.export import parquet

    monkeypatch.setattr(parquet, "_MIB", 1000)
    truth = truth_of(tmp_path, "parquet", row_group_mib=1)
    facts = pq.ParquetFile(truth.folder / "data/part-00000.parquet").metadata
    assert facts.num_row_groups > 5
    assert sum(facts.row_group(i).num_rows for i in range(facts.num_row_groups)) == 24


def test_csv_holds_every_value(tmp_path, split):
    truth = truth_of(tmp_path, "csv", split=split)
    raw = (truth.folder / "images.csv").read_bytes()
    assert raw.count(b"\r\n") == 25
    rows = list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    assert [row["image"] for row in rows] == list(truth.members)
    for row in rows:
        member = truth.members[row["image"]]
        assert row["classes"].split() == member["classes"]
        assert row["confidence"] == ("" if member["confidence"] is None else str(member["confidence"]))
        assert (row["site"], row["reader"], row["split"]) == (
            member["site"],
            member["reader"],
            member.get("split", ""),
        )
        assert json.loads(row["recipe"]) == member["recipe"]
        assert (truth.folder / row["file"]).exists()
    with (truth.folder / "regions.csv").open(newline="") as file:
        found = [
            (row["image"], row["class"], row["kind"], [float(value) for value in row["points"].split()])
            for row in csv.DictReader(file)
        ]
    assert found == [
        (
            image,
            region["class"],
            region["kind"],
            [value for pair in shape_of(region).points for value in pair],
        )
        for image, member in truth.members.items()
        for region in member["regions"]
    ]
