"""Signatures are checked by the archive alone: whatever they were given for cannot change, nor can they be moved."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from annotation.export import manifest
from annotation.export.canonical import digest_bytes
from annotation.export.package import write_package
from annotation.export.rows import Release
from annotation.export.signature import public_half
from annotation.export.verify import BadArchiveError, verify_archive
from tests.annotation.releases import (
    KEY,
    countersigned,
    list_again,
    make_release,
    make_signature,
    write_again,
)

LABELS = "annotations/labels.json"
Change = Callable[[dict[str, Any], dict[str, bytes]], None]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path)


def write(release: Release, folder: Path, name: str = "export.zip") -> Path:
    target = folder / name
    write_package(release, format="coco", image_path=folder.joinpath, target=target)
    return target


def forged(packed: Path, change: Change) -> Path:
    """The archive again with a change, every digest and count put right by one who knows the format."""
    with zipfile.ZipFile(packed) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    listing = json.loads(contents.pop(manifest.NAME))
    change(listing["snapshot"], contents)
    listing["snapshot"]["digest"] = digest_bytes(contents[LABELS])
    list_again(contents, listing)
    return write_again(packed.with_name("forged.zip"), contents, listing)


def relabel(told: dict[str, Any], contents: dict[str, bytes]) -> None:
    contents[LABELS] = contents[LABELS].replace(b'"confidence":4', b'"confidence":5')


def put(name: str, value: Any, row: str = "signature") -> Change:
    return lambda told, contents: told[row].update({name: value})


def rename(told: dict[str, Any], contents: dict[str, bytes]) -> None:
    told["id"] = "5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0002"


@pytest.mark.parametrize(
    "change",
    [
        relabel,
        rename,
        put("meaning", "approved for everything"),
        put("signer", "p-3"),
        put("signed_at", "2025-01-04T00:00:00.000000+00:00"),
        put("signature", "0" * 128),
        put("signature", "not hex"),
        put("key", public_half(Ed25519PrivateKey.from_private_bytes(bytes(32)))),
        put("key", ""),
    ],
)
def test_a_signature_is_of_this_content_and_no_other(
    release: Release, tmp_path: Path, change: Change
) -> None:
    packed = write(release, tmp_path)
    assert verify_archive(packed).signed
    with pytest.raises(BadArchiveError, match="is not of this content") as found:
        verify_archive(forged(packed, change))
    assert found.value.file == manifest.NAME


def drop_second(told: dict[str, Any], contents: dict[str, bytes]) -> None:
    del told["countersignature"]


def drop_first(told: dict[str, Any], contents: dict[str, bytes]) -> None:
    told["signature"] = None


def swap(told: dict[str, Any], contents: dict[str, bytes]) -> None:
    told["signature"], told["countersignature"] = told["countersignature"], told["signature"]


@pytest.mark.parametrize(
    "change",
    [
        drop_second,
        drop_first,
        swap,
        put("meaning", "x", "countersignature"),
        put("signer", "p-9", "countersignature"),
    ],
)
def test_of_two_signatures_none_can_be_taken_away_or_changed(
    release: Release, tmp_path: Path, change: Change
) -> None:
    packed = write(countersigned(release), tmp_path)
    assert verify_archive(packed).signed
    with pytest.raises(BadArchiveError):
        verify_archive(forged(packed, change))


def test_one_person_is_not_two(release: Release, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="both signatures are of p-9"):
        write(countersigned(release, signer="p-9"), tmp_path)


def test_two_installations_are_not_one(release: Release, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(BadArchiveError, match="two installations"):
        verify_archive(write(countersigned(release, key=other), tmp_path))


def test_nothing_is_written_under_a_false_signature(release: Release, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not of this content"):
        write(replace(release, signature=make_signature(release, needed=2)), tmp_path)
    assert not list(tmp_path.glob("*.zip"))


def test_the_command_tells_the_key_and_holds_an_archive_to_the_one_that_is_expected(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, key = write(release, tmp_path), public_half(KEY)
    call_command("verify", str(packed), key=key.upper())
    assert f"signed with the key {key}" in capsys.readouterr().out
    unsigned = write(replace(release, signature=None), tmp_path, "unsigned.zip")
    call_command("verify", str(unsigned))
    assert "not signed" in capsys.readouterr().out
    for path, expected in ((packed, "0" * 64), (unsigned, key)):
        with pytest.raises(CommandError, match="another key"):
            call_command("verify", str(path), key=expected)
