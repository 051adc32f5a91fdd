"""Every format: the same bytes everywhere, whole or not at all, every flipped bit and every careful forgery found."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command

from annotation.export import archive, document, formats, manifest, seal
from annotation.export.formats import OptionError
from annotation.export.package import write_package
from annotation.export.registry import FORMATS
from annotation.export.rows import ClassRow, RegionRow
from annotation.export.verify import FRAME, BadArchiveError, verify_archive
from tests.annotation.export.rich import SCHEMA, make_rich_release, pack
from tests.annotation.releases import list_again, signed_release, write_again

KEYS = sorted(FORMATS)
COMMON = {
    "DATASHEET.md", "LICENCE.md", "README.md", "annotations/labels.json", "croissant.json", "evaluation.json",
    "losses.json", "manifest.json", "seal.json",
}  # fmt: skip
# Far beyond what fits one person's patience: the bits are the same whatever the seed, the places are not.
SEED = 20250607


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Every format's archive of the same split release."""
    folder = tmp_path_factory.mktemp("packed")
    return {key: pack(folder, key, split=True)[0] for key in KEYS}


@pytest.mark.parametrize("key", KEYS)
def test_an_archive_verifies_and_tells_what_it_is(packed, key):
    found = verify_archive(packed[key])
    assert (found.format, found.images, found.regions, found.signed, found.compared) == (
        key,
        24,
        7,
        True,
        True,
    )
    with zipfile.ZipFile(packed[key]) as opened:
        names = opened.namelist()
    assert set(names) > COMMON
    assert names[-2:] == [manifest.NAME, seal.NAME]
    assert names[:-2] == sorted(names[:-2])


@pytest.mark.parametrize("key", KEYS)
def test_an_archive_without_splits_verifies(tmp_path, key):
    target, release = pack(tmp_path, key)
    assert verify_archive(target).snapshot_digest == release.digest


ELSEWHERE = [
    ({"TZ": "Pacific/Chatham", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1"}, ["077"]),
    (
        {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4242", "OMP_NUM_THREADS": "2"},
        ["000", "reversed"],
    ),
]


def test_another_environment_gives_the_same_bytes(packed, tmp_path, repository):
    """Two processes at once, as two workers are, each with a time zone, language, hash seed, umask and order of files."""
    running = []
    for number, (changes, arguments) in enumerate(ELSEWHERE):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [sys.executable, "-m", "tests.annotation.export.write_all", str(folder), *arguments]
        running.append((folder, subprocess.Popen(command, cwd=repository, env={**os.environ, **changes})))
    for folder, process in running:
        assert process.wait(timeout=200) == 0
        for key in KEYS:
            assert (folder / f"{key}.zip").read_bytes() == packed[key].read_bytes(), key


@pytest.mark.parametrize("key", KEYS)
def test_any_flipped_bit_is_found(packed, tmp_path, key):
    data = packed[key].read_bytes()
    rng = random.Random(SEED)
    victim = tmp_path / "flipped.zip"
    with zipfile.ZipFile(packed[key]) as opened:
        names = {*opened.namelist(), FRAME}
    for place in rng.sample(range(len(data) * 8), 100):  # test_export.py tries a thousand in one archive
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        victim.write_bytes(flipped)
        with pytest.raises(BadArchiveError) as found:
            verify_archive(victim)
        # A flip in a name itself makes another name, which is then the file that should not be there.
        if found.value.file not in names:
            archive.check_name(found.value.file)


def rewritten(packed: Path, target: Path, change) -> Path:
    """The archive again with `change(contents)` in between and all digests made good, by one who knows the format."""
    with zipfile.ZipFile(packed) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    listing = json.loads(contents.pop(manifest.NAME))
    change(contents)
    list_again(contents, listing)
    return write_again(target, contents, listing)


FORGED = [
    ("coco", "annotations/instances_train.json", b'"category_id":1', b'"category_id":2'),
    ("coco", "annotations/instances_val.json", b'"width":16', b'"width":17'),
    ("imagefolder", "data/train/metadata.jsonl", b'\\"confidence\\":4', b'\\"confidence\\":5'),
    ("webdataset", "shards/test-00000.tar", b'\\"confidence\\":4', b'\\"confidence\\":5'),
    ("parquet", "data/val-00000.parquet", b'"confidence":4', b'"confidence":5'),
    ("yolo", "data.yaml", b"0: ", b"1: "),
    ("yolo", "labels/", b"0 0.", b"1 0."),
    ("voc", "Annotations/", b"<name>gland<", b"<name>con<"),
    ("voc", "ImageSets/Main/train.txt", b"\n", b" x\n"),
    ("cvat", "annotations.xml", b'label="gland"', b'label="con"'),
    ("labelstudio", "tasks.json", b'"choices":["gland', b'"choices":["con'),
    ("csv", "regions.csv", b",gland,", b",con,"),
    ("csv_spreadsheet", "images-spreadsheet.csv", b'"4"', b'"5"'),
]


@pytest.mark.parametrize(("key", "file", "old", "new"), FORGED)
def test_a_careful_forgery_of_the_format_is_found_in_its_file(packed, tmp_path, key, file, old, new):
    changed: list[str] = []

    def change(contents):
        for name, data in contents.items():
            if name.startswith(file) and old in data and name not in COMMON and not changed:
                contents[name] = data.replace(old, new, 1)
                changed.append(name)

    forged = rewritten(packed[key], tmp_path / "forged.zip", change)
    assert changed
    with pytest.raises(BadArchiveError) as found:
        verify_archive(forged)
    assert found.value.file == changed[0]


@pytest.mark.parametrize("key", KEYS)
def test_a_file_too_many_or_too_few_is_found(packed, tmp_path, key):
    with zipfile.ZipFile(packed[key]) as opened:
        own = [name for name in opened.namelist() if name not in COMMON]

    def drop(contents):
        contents.pop(own[-1])

    def put(contents):
        stem, ending = own[-1].rsplit(".", 1)
        contents[f"{stem[:-1]}x.{ending}"] = contents[own[-1]]

    for number, change in enumerate((drop, put)):
        forged = rewritten(packed[key], tmp_path / f"{number}.zip", change)
        with pytest.raises(BadArchiveError):
            verify_archive(forged)


HOSTILE = (
    "../../etc/passwd",
    "a/b",
    "..",
    ".hidden",
    "é\u202e",
    "=1+1",
    "nul",
    "x" * 300,
    "<b>&\"'",
    "a\nb",
    "",
)


@pytest.mark.parametrize("key", KEYS)
def test_hostile_names_stay_inside_the_archive(tmp_path, key):
    plain = make_rich_release(tmp_path)
    classes = tuple(ClassRow(name, name, "finding", colour='"><x') for name in HOSTILE)
    members = tuple(
        replace(
            member,
            classes=(HOSTILE[place % len(HOSTILE)],),
            regions=tuple(
                RegionRow(HOSTILE[place % len(HOSTILE)], region.kind, region.shape)
                for region in member.regions
            ),
            site=HOSTILE[0],
        )
        for place, member in enumerate(plain.members)
    )
    schema = replace(SCHEMA, name="../x", classes=classes, sites=((HOSTILE[0], HOSTILE[9]),))
    release = signed_release(
        plain,
        name="../../x\n# y",
        study="/etc",
        licence="..\\x",
        schema=schema,
        members=members,
    )
    target = tmp_path / "hostile.zip"
    write_package(release, format=key, image_path=tmp_path.joinpath, target=target)
    assert verify_archive(target).images == 24
    inside = (tmp_path / "unpacked").resolve()
    with zipfile.ZipFile(target) as opened:
        for name in opened.namelist():
            archive.check_name(name)
            assert (inside / name).resolve().is_relative_to(inside)
        assert b"\n# y" not in opened.read("README.md")


@pytest.mark.parametrize("key", ["csv", "csv_spreadsheet", "dicom", "yolo"])
def test_letters_and_accents_apart_are_read_as_the_document_has_them(tmp_path, key):
    """Words that were pasted as `u` and two dots are signed as `ü`; no file of the format says them otherwise."""
    plain = make_rich_release(tmp_path)
    titles = ("Dru\u0308se", "=\u0338 no formula once it is one letter", "e\u0301" * 40)
    classes = (*SCHEMA.classes, *(ClassRow(f"k{n}", title, "finding") for n, title in enumerate(titles)))
    release = signed_release(plain, schema=replace(SCHEMA, classes=classes))
    target = tmp_path / "apart.zip"
    write_package(release, format=key, image_path=tmp_path.joinpath, target=target)
    assert verify_archive(target).compared


# What happens after the members is the same for all: two formats stand for it.
KILLS = [
    *((key, "24") for key in KEYS),
    *((key, at) for key in ("coco", "parquet") for at in ("1", "sync", "rename")),
]


@pytest.mark.faults
@pytest.mark.parametrize(("key", "point"), KILLS)
def test_a_killed_export_leaves_nothing_under_its_name(tmp_path, repository, key, point):
    target = tmp_path / "export.zip"
    command = [sys.executable, "-m", "tests.annotation.export.killed", key, str(target), point]
    done = subprocess.run(command, cwd=repository, timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()


@pytest.mark.parametrize(
    ("key", "options", "name"),
    [
        ("coco", {"x": 1}, "x"),
        ("yolo", {"task": "guess"}, "task"),
        ("yolo", {"task": ["detect"]}, "task"),
        ("parquet", {"row_group_mib": 96}, "row_group_mib"),
        ("parquet", {"row_group_mib": True}, "row_group_mib"),
        ("parquet", {"file_mib": "many"}, "file_mib"),
        ("webdataset", {"shard_mib": 0}, "shard_mib"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(key, options, name):
    with pytest.raises(OptionError) as found:
        FORMATS[key].check_options(options)
    assert found.value.name == name


def test_what_was_not_compared_for_want_of_a_package_is_told(packed, monkeypatch, capsys):
    call_command("verify", str(packed["parquet"]))
    assert "not compared" not in capsys.readouterr().out
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    call_command("verify", str(packed["parquet"]))
    assert "not compared with the labels" in (told := capsys.readouterr().out)
    assert "pyarrow" in told


def test_options_are_filled_in_and_stand_in_the_manifest(tmp_path):
    assert FORMATS["parquet"].check_options({"file_mib": "7"}) == {"row_group_mib": 16, "file_mib": 7}
    target, _ = pack(tmp_path, "yolo", task="segment")
    with zipfile.ZipFile(target) as opened:
        assert json.loads(opened.read(manifest.NAME))["writer"]["options"] == {"task": "segment"}
    assert verify_archive(target).compared


@pytest.mark.parametrize(
    ("key", "options"), [("imagefolder", {"folders": "flat"}), ("yolo", {"task": "segment"})]
)
@pytest.mark.parametrize("split", [False, True])
def test_the_other_options_verify_too(tmp_path, key, options, split):
    assert verify_archive(pack(tmp_path, key, split=split, **options)[0]).images == 24


def test_shards_are_begun_when_the_one_before_is_full(tmp_path, monkeypatch):
    from annotation.export import parquet, webdataset

    monkeypatch.setattr(parquet, "_MIB", 1000)
    monkeypatch.setattr(webdataset, "_MIB", 3000)
    for key, options in (("parquet", {"row_group_mib": 1, "file_mib": 2}), ("webdataset", {"shard_mib": 2})):
        target, _ = pack(tmp_path, key, split=False, points=True, **options)
        with zipfile.ZipFile(target) as opened:
            shards = [name for name in opened.namelist() if "/part-" in name]
        assert len(shards) > 3
        assert verify_archive(target).images == 24


def test_the_ledger_counts_what_each_format_loses(packed):
    def ledger(key):
        with zipfile.ZipFile(packed[key]) as opened:
            rows = json.loads(opened.read("losses.json"))["losses"]
            assert rows == json.loads(opened.read(manifest.NAME))["writer"]["losses"]
            for row in rows:
                assert f"| {row['sentence']} | {row['values']} |" in opened.read("README.md").decode()
        return {row["code"]: row["values"] for row in rows}

    with zipfile.ZipFile(packed["coco"]) as opened:
        labels = json.loads(opened.read(document.NAME))["members"]
    people = sum(1 + len(member["reviewers"]) for member in labels)
    kinds = [region["kind"] for member in labels for region in member["regions"]]
    yolo = ledger("yolo")
    assert yolo["site"] == sum(bool(member["site"]) for member in labels) == 23
    assert yolo["confidence"] == 23
    assert yolo["people"] == people
    assert yolo["recipe"] == 24
    assert yolo["points"] == kinds.count("point")
    assert yolo["outlines"] == kinds.count("polygon")
    assert yolo["image_classes"] == sum(len(member["classes"]) for member in labels)
    assert yolo["codes"] == 1
    assert "box_or_outline" not in yolo
    assert ledger("parquet") == {}
    assert ledger("csv") == {}
    assert ledger("csv_spreadsheet") == {"recipe": 24, "apostrophes": 1}


def test_many_small_files_need_the_long_directory(tmp_path):
    """More members than the short form counts: another reader must see all of them, and our walk, too."""
    members = (formats.Member(f"f{number:06d}", b"x") for number in range(66_000))
    archive.write_archive(tmp_path / "many.zip", members)
    with zipfile.ZipFile(tmp_path / "many.zip") as opened:
        assert len(opened.namelist()) == 66_000
        assert opened.read("f065999") == b"x"


def test_offsets_beyond_four_gibibytes_take_the_long_form(tmp_path):
    with (tmp_path / "sparse.zip").open("wb+") as file, (tmp_path / "listed").open("wb+") as listed:
        directory = archive.Directory(listed)
        for name in (b"first", b"second"):
            file.seek(directory.offset)
            size = 0xFFFFFFF0 if name == b"first" else 1
            file.write(archive.local_header(name, 0x8CDC1683 if size == 1 else 0, size))
            if size == 1:
                file.write(b"x")
            directory.add(name, 0x8CDC1683 if size == 1 else 0, size)
        file.seek(directory.offset)
        directory.finish(file)
    with zipfile.ZipFile(tmp_path / "sparse.zip") as opened:
        assert opened.read("second") == b"x"


def test_hashing_twice_gives_the_digest_that_was_signed(packed):
    for path in packed.values():
        with zipfile.ZipFile(path) as opened:
            digest = json.loads(opened.read(manifest.NAME))["snapshot"]["digest"]
            assert hashlib.sha256(opened.read(document.NAME)).hexdigest() == digest
