"""What stands in several files of an archive is the same in all of them, and the seal holds every file as it was written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from annotation.export import manifest, seal
from annotation.export.canonical import canonical_json
from annotation.export.package import write_package
from annotation.export.verify import BadArchiveError, verify_archive
from tests.annotation.export.rich import pack
from tests.annotation.releases import KEY, list_again, make_release, write_again

OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
Contents = dict[str, bytes]
Change = Callable[[Contents, dict[str, Any]], object]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("packed"), "yolo", split=True)[0]


def read(path: Path) -> tuple[Contents, dict[str, Any]]:
    with zipfile.ZipFile(path) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    return contents, json.loads(contents.pop(manifest.NAME))


def told(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the manifest."""
    return lambda contents, listing: change(listing)


def inside(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of another file of JSON."""

    def apply(contents: Contents, listing: dict[str, Any]) -> None:
        data = json.loads(contents[name])
        change(data)
        contents[name] = canonical_json(data, indent=1)

    return apply


def without(name: str) -> Change:
    return lambda contents, listing: contents.pop(name)


# Everything here is put right again and sealed with the right key: only what the files tell of one another gives it away.
CROSS = {
    "a loss miscounted": ("losses.json", inside("losses.json", lambda d: d["losses"][0].update(values=0))),
    "a loss left out": ("losses.json", inside("losses.json", lambda d: d["losses"].pop())),
    "losses of another format": ("losses.json", inside("losses.json", lambda d: d.update(format="voc"))),
    "a ledger that is none": ("losses.json", inside("losses.json", lambda d: d.pop("losses"))),
    "other losses in the manifest": (manifest.NAME, told(lambda d: d["writer"]["losses"].clear())),
    "no options": (manifest.NAME, told(lambda d: d["writer"].update(options={}))),
    "an unknown option": (manifest.NAME, told(lambda d: d["writer"]["options"].update(x=1))),
    "another schema": (manifest.NAME, told(lambda d: d["schema"]["classes"].pop())),
    "another generator": (manifest.NAME, told(lambda d: d["provenance"].update(generators=["f" * 64]))),
    "not synthetic": (manifest.NAME, told(lambda d: d.update(synthetic=False))),
    "another licence": ("croissant.json", told(lambda d: d.update(licence="anything goes"))),
    "another name": ("croissant.json", told(lambda d: d["snapshot"].update(name="Second"))),
    "labels of another digest": (
        "croissant.json",
        inside("croissant.json", lambda d: d["distribution"][0].update(sha256="0" * 64)),
    ),
    "labels not described": ("croissant.json", inside("croissant.json", lambda d: d["distribution"].pop(0))),
    "an evaluation of others": (
        "evaluation.json",
        inside("evaluation.json", lambda d: d["approved_set"].update(image_set_digest="0" * 64)),
    ),
    "another read me": ("README.md", lambda contents, listing: contents.update({"README.md": b"hello"})),
    **{
        f"no {name}": (name, without(name))
        for name in (
            "README.md", "LICENCE.md", "DATASHEET.md", "losses.json", "croissant.json", "evaluation.json", seal.NAME,
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("wrong", CROSS)
def test_files_that_do_not_tell_the_same_are_named(packed: Path, tmp_path: Path, wrong: str) -> None:
    file, change = CROSS[wrong]
    contents, listing = read(packed)
    change(contents, listing)
    list_again(contents, listing)
    with pytest.raises(BadArchiveError) as found:
        verify_archive(write_again(tmp_path / "forged.zip", contents, listing))
    assert found.value.file == file


def test_a_file_listed_twice_is_found(packed: Path, tmp_path: Path) -> None:
    contents, listing = read(packed)
    listing["files"].insert(0, {**listing["files"][0], "sha256": "0" * 64})
    listing["files_digest"] = manifest.digest_files(listing["files"])
    with pytest.raises(BadArchiveError, match="twice") as found:
        verify_archive(write_again(tmp_path / "forged.zip", contents, listing))
    assert found.value.file == manifest.NAME


def test_counts_of_splits_are_those_of_the_labels(packed: Path, tmp_path: Path) -> None:
    contents, listing = read(packed)
    for images, whole in (
        ({"train": 12, "val": 6, "test": 6}, True),
        ({"train": 13, "val": 5, "test": 6}, False),
    ):
        listing["facts"]["splits"] = {"images": images}
        written = write_again(tmp_path / "again.zip", contents, listing)
        if whole:
            assert verify_archive(written).signed
        else:
            with pytest.raises(BadArchiveError, match="splits"):
                verify_archive(written)


# No other file tells of these: without the seal nobody could see that they were changed.
SEALED: dict[str, Change] = {
    "a number of the evaluation": inside(
        "evaluation.json", lambda d: d["approved_set"]["metrics"][0].update(value=9)
    ),
    "a word of the data sheet": lambda contents, listing: contents.update(
        {"DATASHEET.md": contents["DATASHEET.md"].replace(b"Research", b"Clinical")}
    ),
    "the licence, for people": lambda contents, listing: contents.update(
        {"LICENCE.md": contents["LICENCE.md"].replace(b"CC0", b"CC-BY")}
    ),
    "a fact": told(lambda d: d["facts"].update(reads_per_item=3)),
    "the time of freezing": told(lambda d: d["snapshot"].update(created_at="2001-01-01T00:00:00+00:00")),
}


@pytest.mark.parametrize("key", [None, OTHER], ids=["the seal as it was", "a seal of somebody else"])
@pytest.mark.parametrize("what", SEALED)
def test_nothing_is_changed_without_the_installations_key(
    packed: Path, tmp_path: Path, what: str, key: Ed25519PrivateKey | None
) -> None:
    contents, listing = read(packed)
    SEALED[what](contents, listing)
    list_again(contents, listing)
    with pytest.raises(BadArchiveError) as found:
        verify_archive(write_again(tmp_path / "forged.zip", contents, listing, key=key))
    assert found.value.file == seal.NAME


def test_writing_again_without_a_change_gives_the_archive_as_it_was(packed: Path, tmp_path: Path) -> None:
    """So what the tests above find is the change, and not the way it was made."""
    contents, listing = read(packed)
    list_again(contents, listing)
    for key in (None, KEY):
        again = write_again(tmp_path / "again.zip", contents, listing, key=key)
        assert again.read_bytes() == packed.read_bytes()


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"manifest": "0" * 64}, {"signature": "x"}, {"key": None}]
)
def test_a_seal_that_is_none_is_found(packed: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    contents, listing = read(packed)
    contents[seal.NAME] = canonical_json({**json.loads(contents[seal.NAME]), **change})
    with pytest.raises(BadArchiveError) as found:
        verify_archive(write_again(tmp_path / "forged.zip", contents, listing, key=None))
    assert found.value.file == seal.NAME


def test_what_is_signed_is_sealed_and_nothing_else(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    target = tmp_path / "export.zip"
    with pytest.raises(ValueError, match="needs the installation's seal"):
        write_package(replace(release, seal=None), format="coco", image_path=tmp_path.joinpath, target=target)
    unsigned = replace(release, signature=None)
    write_package(unsigned, format="coco", image_path=tmp_path.joinpath, target=target)
    assert not verify_archive(target).signed
    contents, listing = read(target)
    assert seal.NAME not in contents
    contents[seal.NAME] = b""
    with pytest.raises(BadArchiveError, match="nobody has signed"):
        verify_archive(write_again(target, contents, listing))
