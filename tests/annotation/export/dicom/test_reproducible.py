"""The same release and options give the same bytes; another release, class or version of it never shares a UID."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from annotation.export.canonical import digest_file
from annotation.export.dicom import identity
from annotation.export.dicom.identity import Uids
from tests.annotation import releases
from tests.annotation.export.dicom.cast import answers, make_release, pack

# SHA-256 of the objects of one image of the small release: they change only when `identity.VERSION` does.
GOLDEN = {
    "image": "055d8859de433e7917bba58ff60f176f72ddd4775fed384568320fed9fdb64fe",
    "report": "f1fd3071a9474b0172d97a9dcacb9b3db0d93e6eefce31d06946f8d258212fdf",
    "segmentation": "85902716c3221760a650e57bfdfad0a8a2ac8ef8d6d37cfa09846bef836410b9",
}
UIDS = Uids("5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0001", "0" * 64, "microscopic")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return pack(tmp_path_factory.mktemp("dicom"), lambda folder: make_release(folder, given=answers(64)[:5]))


@pytest.mark.parametrize(
    ("changes", "umask"),
    [
        ({"TZ": "Pacific/Chatham", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1"}, "077"),
        ({"TZ": "America/Lima", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4242", "PYTHONUTF8": "0"}, "000"),
    ],
)
def test_another_zone_language_hash_seed_and_moment_give_the_same_bytes(
    small, tmp_path, repository, changes, umask
):
    command = [sys.executable, "-m", "tests.annotation.export.dicom.write_archive", str(tmp_path), umask]
    subprocess.run(command, cwd=repository, env={**os.environ, **changes}, check=True, timeout=120)
    assert digest_file(tmp_path / "export.zip") == digest_file(small.archive)


def test_the_objects_are_the_committed_ones(tmp_path):
    packed = pack(tmp_path, releases.make_release)  # its pictures are made without any library
    member = next(one for one in packed.release.members if [r.kind for r in one.regions] == ["polygon"])
    found = {kind: digest_file(packed.path(member, kind)) for kind in ("image", "report", "segmentation")}
    assert found == GOLDEN


@pytest.mark.parametrize(
    "other",
    [
        replace(UIDS, snapshot_id="5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0002"),
        replace(UIDS, digest="1" * 64),
        replace(UIDS, image_class="photographic"),
    ],
    ids=["snapshot", "labels", "image class"],
)
def test_another_release_or_image_class_shares_no_uid(other):
    assert not names(other) & names(UIDS)


def test_another_version_of_the_writer_shares_no_uid(monkeypatch):
    before = names(UIDS)
    monkeypatch.setattr(identity, "VERSION", identity.VERSION + 1)
    assert not names(UIDS) & before


def names(uids):
    """The UIDs of a study of two images, their objects and regions; none stands for two things."""
    made = [uids.study, *(uids.series(kind) for kind in ("image", "report", "segmentation"))]
    for image in ("a" * 64, "b" * 64):
        made += [uids.instance(kind, image) for kind in ("image", "report", "segmentation")]
        made += [uids.region(image, place) for place in range(3)]
    assert len(set(made)) == len(made)
    assert all(len(uid) <= 64 for uid in made)
    return set(made)
