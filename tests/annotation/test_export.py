"""Archives: the same bytes everywhere, readable by the field's own tools, and every flipped bit is found."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotation.export import archive, coco, document, formats, manifest, seal
from annotation.export.canonical import canonical_json
from annotation.export.package import DamagedImageError, write_package
from annotation.export.verify import FRAME, BadArchiveError, verify_archive
from annotation.geometry import Point, area
from tests.annotation.releases import SCHEMA, list_again, make_release, write_again

# SHA-256 of the small release's archive: it changes only when the format does, and then the version must, too.
GOLDEN = "49f9f0490b4ec90f65b6faeeb337bda6bc7a040e1e2e899eeb0b5630cea2b950"


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    return make_release(folder)


@pytest.fixture
def packed(release, tmp_path):
    target = tmp_path / "export.zip"
    write_package(release, format="coco", image_path=(tmp_path / "images").joinpath, target=target)
    return target


def test_the_bytes_are_the_committed_ones(packed):
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == GOLDEN


@pytest.mark.parametrize(
    ("changes", "umask"),
    [
        ({"TZ": "Pacific/Chatham", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1"}, "077"),
        ({"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4242", "PYTHONUTF8": "0"}, "000"),
    ],
)
def test_another_time_zone_language_hash_seed_and_umask_give_the_same_bytes(
    packed, tmp_path, repository, changes, umask
):
    target = tmp_path / "again.zip"
    command = [sys.executable, "-m", "tests.annotation.write_release", str(target), umask]
    subprocess.run(command, cwd=repository, env={**os.environ, **changes}, check=True, timeout=60)
    assert target.read_bytes() == packed.read_bytes()


def test_members_are_stored_in_order_without_dates_and_extras(packed):
    with zipfile.ZipFile(packed) as opened:
        infos = opened.infolist()
    names = [info.filename for info in infos]
    assert names[-2:] == [manifest.NAME, seal.NAME]
    assert names[:-2] == sorted(names[:-2])
    for info in infos:
        assert (info.compress_type, info.date_time, info.extra, info.comment) == (0, archive.EPOCH, b"", b"")
        assert info.external_attr == archive.MODE


def test_the_manifest_lists_every_file_with_its_digest(packed, release):
    with zipfile.ZipFile(packed) as opened:
        listing = json.loads(opened.read(manifest.NAME))
        for row in listing["files"]:
            data = opened.read(row["path"])
            assert (len(data), hashlib.sha256(data).hexdigest()) == (row["size"], row["sha256"])
        assert {row["path"] for row in listing["files"]} == set(opened.namelist()) - {
            manifest.NAME,
            seal.NAME,
        }
        labels = opened.read(document.NAME)
    assert hashlib.sha256(labels).hexdigest() == listing["snapshot"]["digest"] == release.digest
    assert listing["counts"] == {"images": 6, "regions": 4, "files": len(listing["files"])}
    assert listing["synthetic"] is True


def read_coco(packed, tmp_path, name=coco.INSTANCES):
    from pycocotools.coco import COCO

    with zipfile.ZipFile(packed) as opened:
        opened.extractall(tmp_path / "unpacked")
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(tmp_path / "unpacked" / name))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_same_images_classes_and_areas(packed, release, tmp_path):
    read = read_coco(packed, tmp_path)
    assert [row["file_name"] for row in read.loadImgs(read.getImgIds())] == [
        f"{m.digest}.png" for m in release.members
    ]
    assert [row["name"] for row in read.loadCats(read.getCatIds())] == ["gland", "normal"]
    ours = {
        (number, region.kind): area(region.shape)
        for number, member in enumerate(release.members, start=1)
        for region in member.regions
        if not isinstance(region.shape, Point)
    }
    theirs = {
        (row["image_id"], row["attributes"]["shape"]): row["area"] for row in read.loadAnns(read.getAnnIds())
    }
    assert theirs == ours
    for row in read.loadAnns(read.getAnnIds()):  # whole numbers: the raster must have the very area
        assert int(read.annToMask(row).sum()) == row["area"]


def test_the_images_of_the_archive_are_the_stored_ones_and_open(packed, release, tmp_path):
    from PIL import Image

    read_coco(packed, tmp_path)
    for member in release.members:
        path = tmp_path / "unpacked" / member.file_name
        assert path.read_bytes() == (tmp_path / "images" / member.digest).read_bytes()
        with Image.open(path) as picture:
            assert picture.size == (member.width, member.height)


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_cocoeval_of_the_set_against_itself_is_one(packed, tmp_path, kind):
    from pycocotools.cocoeval import COCOeval

    truth = read_coco(packed, tmp_path)
    found = [{**row, "score": 1.0} for row in truth.loadAnns(truth.getAnnIds())]
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(truth, truth.loadRes(found), kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert judge.stats[0] == pytest.approx(1.0)
    assert np.all(judge.stats[1:3] == pytest.approx(1.0))


def test_points_come_back_as_key_points(packed, tmp_path):
    (row,) = read_coco(packed, tmp_path, coco.POINTS).dataset["annotations"]
    assert row["keypoints"] == [7.5, 8.25, 2]


def test_an_untouched_archive_verifies(packed, release):
    found = verify_archive(packed)
    assert (found.images, found.regions, found.signed) == (6, 4, True)
    assert found.snapshot_digest == release.digest
    assert found.digest == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_every_flipped_bit_is_detected_and_a_file_is_named(packed, tmp_path):
    data = packed.read_bytes()
    with zipfile.ZipFile(packed) as opened:
        names = {*opened.namelist(), FRAME}
    rng = random.Random(20250102)
    victim = tmp_path / "flipped.zip"
    for place in rng.sample(range(len(data) * 8), 1000):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        victim.write_bytes(flipped)
        with pytest.raises(BadArchiveError) as found:
            verify_archive(victim)
        # A flip in a name itself makes another name, which is then the file that should not be there.
        if found.value.file not in names:
            archive.check_name(found.value.file)


def test_a_flipped_bit_in_an_image_names_that_image(packed, release, tmp_path):
    data = bytearray(packed.read_bytes())
    member = release.members[3]
    with zipfile.ZipFile(packed) as opened:
        start = data.index(opened.read(member.file_name))
    data[start + 60] ^= 4
    victim = tmp_path / "flipped.zip"
    victim.write_bytes(data)
    with pytest.raises(BadArchiveError) as found:
        verify_archive(victim)
    assert found.value.file == member.file_name


def rewritten(packed: Path, target: Path, change) -> Path:
    """The archive again with `change(contents)` in between, as one writes it who knows the format."""
    with zipfile.ZipFile(packed) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    listing = json.loads(contents.pop(manifest.NAME))
    change(contents, listing)
    return write_again(target, contents, listing)


def drop_image(contents, listing):
    contents.pop(next(name for name in contents if name.startswith("images/")))
    list_again(contents, listing)


def change_label(contents, listing):
    contents[document.NAME] = contents[document.NAME].replace(b'"confidence":4', b'"confidence":5')
    list_again(contents, listing)


def add_file(contents, listing):
    contents["notes.txt"] = b"hello"


def add_listed_image(contents, listing):
    contents["images/" + "f" * 64 + ".png"] = b"\x89PNG\r\n\x1a\n" + bytes(16)
    list_again(contents, listing)


def cut_coco(contents, listing):
    data = json.loads(contents[coco.INSTANCES])
    data["annotations"].pop()
    contents[coco.INSTANCES] = canonical_json(data)
    list_again(contents, listing)


def dangle_coco(contents, listing):
    data = json.loads(contents[coco.INSTANCES])
    data["annotations"][0]["category_id"] = 99
    contents[coco.INSTANCES] = canonical_json(data)
    list_again(contents, listing)


def miscount(contents, listing):
    listing["counts"]["images"] += 1


def drop_digest(contents, listing):
    del listing["snapshot"]["digest"]


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (drop_image, "images/"),
        (change_label, document.NAME),
        (add_file, "notes.txt"),
        (add_listed_image, "images/ffff"),
        (cut_coco, coco.INSTANCES),
        (dangle_coco, coco.INSTANCES),
        (miscount, manifest.NAME),
        (drop_digest, manifest.NAME),
    ],
)
def test_a_careful_forgery_is_found_where_it_is(packed, tmp_path, change, file):
    forged = rewritten(packed, tmp_path / "forged.zip", change)
    with pytest.raises(BadArchiveError) as found:
        verify_archive(forged)
    assert found.value.file.startswith(file)


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip at all", b"\0" * 4096])
def test_what_is_no_archive_is_refused(tmp_path, data):
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(BadArchiveError):
        verify_archive(tmp_path / "x.zip")


def test_hidden_bytes_before_and_after_are_found(packed, tmp_path):
    for data in (b"#!" + packed.read_bytes(), packed.read_bytes() + b"x"):
        (tmp_path / "x.zip").write_bytes(data)
        with pytest.raises(BadArchiveError):
            verify_archive(tmp_path / "x.zip")


def test_the_command_says_whole_or_names_the_bad_file(packed, tmp_path, capsys):
    call_command("verify", str(packed))
    assert "whole: 6 images, 4 regions" in capsys.readouterr().out
    data = bytearray(packed.read_bytes())
    data[80] ^= 1
    packed.write_bytes(data)
    with pytest.raises(CommandError, match="BAD: "):
        call_command("verify", str(packed))


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/../b", "a\\b", "", "a b", ".hidden", "é"])
def test_names_that_could_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="file name"):
        archive.write_archive(tmp_path / "x.zip", [formats.Member(name, b"")])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_archive_leaves_nothing_under_any_name(tmp_path):
    def members():
        yield formats.Member("a", b"1")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        archive.write_archive(tmp_path / "x.zip", members())
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_stored_image_stops_the_export(release, tmp_path):
    (tmp_path / "images" / release.members[0].digest).write_bytes(b"other bytes")
    with pytest.raises(DamagedImageError):
        write_package(
            release, format="coco", image_path=(tmp_path / "images").joinpath, target=tmp_path / "x.zip"
        )
    assert not (tmp_path / "x.zip").exists()


def test_a_digest_that_is_not_that_of_the_content_stops_the_export(release, tmp_path):
    forged = replace(release, digest="0" * 64, signature=None)
    with pytest.raises(ValueError, match="digest"):
        write_package(
            forged, format="coco", image_path=(tmp_path / "images").joinpath, target=tmp_path / "x.zip"
        )


def test_members_must_stand_in_order_once_each(release):
    for members in (release.members[::-1], (*release.members, release.members[-1])):
        with pytest.raises(ValueError, match="order"):
            document.write_document(SCHEMA, members)


def test_canonical_json_is_one_text_for_one_value():
    assert canonical_json({"b": "e\u0301", "a": [1, None]}) == '{"a":[1,null],"b":"é"}\n'.encode()
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(float("nan"))
