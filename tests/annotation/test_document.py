"""The signed document: of version 1 without splits, byte for byte as it always was, of version 2 with them."""

from __future__ import annotations

import itertools
import json
import zipfile
from dataclasses import replace

import pytest

from annotation.export.canonical import digest_bytes
from annotation.export.document import write_document
from annotation.export.opened import BadArchiveError
from annotation.export.package import write_package
from annotation.export.rows import MemberRow, Release
from annotation.export.spool import SpooledMembers
from annotation.export.verify import verify_archive
from annotation.splits import NAMES
from tests.annotation.releases import countersigned, list_again, make_release, signed_release
from tests.annotation.test_export import rewritten


def split(release: Release) -> Release:
    """The same release, its members in train, val and test by turns."""
    names = itertools.cycle(NAMES)
    members: list[MemberRow] = [replace(member, split=next(names)) for member in release.members]
    return signed_release(release, members=tuple(members))


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    return make_release(folder)


@pytest.fixture
def packed(release, tmp_path):
    target = tmp_path / "split.zip"
    write_package(
        split(release),
        format="coco",
        image_path=(tmp_path / "images").joinpath,
        target=target,
    )
    return target


def test_only_splits_make_another_version(release, tmp_path):
    plain = json.loads(write_document(release.schema, release.members))
    assert plain["version"] == 1
    assert all("split" not in member for member in plain["members"])
    divided = json.loads(write_document(release.schema, split(release).members))
    assert divided["version"] == 2
    assert [member["split"] for member in divided["members"]] == ["train", "val", "test"] * 2
    assert json.loads(write_document(release.schema, []))["version"] == 1


def test_members_on_the_disk_give_the_same_bytes(release, tmp_path):
    for one in (release, split(release)):
        spooled = SpooledMembers(one.members, tmp_path / "members.jsonl")
        assert write_document(one.schema, spooled) == write_document(one.schema, one.members)


@pytest.mark.parametrize("place", [0, 3])
def test_some_splits_are_no_splits(release, place):
    members = list(split(release).members)
    members[place] = replace(members[place], split="")
    with pytest.raises(ValueError, match="a split each"):
        write_document(release.schema, members)


def test_a_split_archive_verifies(packed, release):
    assert verify_archive(packed).images == len(release.members)


def _version_back(labels):
    labels["version"] = 1


def _unknown_version(labels):
    labels["version"] = 3


def _unknown_split(labels):
    labels["members"][0]["split"] = "holdout"


def _one_without(labels):
    del labels["members"][0]["split"]


@pytest.mark.parametrize("change", [_version_back, _unknown_version, _unknown_split, _one_without])
def test_a_document_that_is_split_otherwise_than_its_version_says_is_found(packed, tmp_path, change):
    def forge(contents, listing):
        labels = json.loads(contents["annotations/labels.json"])
        change(labels)
        contents["annotations/labels.json"] = json.dumps(labels, separators=(",", ":")).encode()
        listing["snapshot"]["digest"] = digest_bytes(contents["annotations/labels.json"])
        list_again(contents, listing)

    with pytest.raises(BadArchiveError) as found:
        verify_archive(rewritten(packed, tmp_path / "forged.zip", forge))
    assert found.value.file == "annotations/labels.json"


def test_a_second_signature_stands_in_the_manifest_and_nothing_else_changes(release, tmp_path):
    manifests = []
    for number, one in enumerate((release, countersigned(release))):
        target = tmp_path / f"{number}.zip"
        write_package(one, format="coco", image_path=(tmp_path / "images").joinpath, target=target)
        assert verify_archive(target).signed
        manifests.append(_manifest(target))
    assert "countersignature" not in manifests[0]["snapshot"]
    assert manifests[1]["snapshot"].pop("countersignature")["signer"] == "p-2"
    first, other = (manifest["snapshot"].pop("signature") for manifest in manifests)
    assert first.pop("signature") != other.pop("signature")  # how many must sign is signed, too
    assert first == other
    assert manifests[0] == manifests[1]


def _manifest(path):

    with zipfile.ZipFile(path) as opened:
        return json.loads(opened.read("manifest.json"))
