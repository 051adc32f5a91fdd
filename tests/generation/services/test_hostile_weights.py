"""Files that pretend to be a generator: refused by their header, and nothing in them is ever run."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from generation.models import Generator
from generation.services.generators import import_generator
from synthlab.core.exceptions import InvalidInput
from synthlab.core.models import AuditEvent
from tests.generation.factories import make_dataset, weights_file
from tests.generation.ingest.hostile import arrays, disguises


def safetensors(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header


def described(**record: Any) -> bytes:
    return safetensors(json.dumps({"__metadata__": {"synthlab": json.dumps(record)}}).encode())


HOSTILE = {
    "a pickle": disguises.pickle_plain(),
    "weights of the old format": disguises.weights_legacy(),
    "weights of the zip format": disguises.weights_zip(),
    "an exported program": disguises.weights_pt2(),
    "arrays of objects": arrays.npz_objects(),
    "nothing": b"",
    "half a length": b"\x10\0\0",
    "a length of 2⁶⁴": safetensors(b"{}", 2**64 - 1),
    "a length beyond the file": safetensors(b"{}", 1000),
    "no JSON": safetensors(b"{'a': 1}"),
    "deep JSON": safetensors(b"[" * 400_000 + b"]" * 400_000),
    "deep JSON inside": safetensors(
        json.dumps({"__metadata__": {"synthlab": "[" * 400_000 + "]" * 400_000}}).encode()
    ),
    "a list": safetensors(b"[]"),
    "no description": safetensors(b"{}"),
    "a description that is a list": safetensors(b'{"__metadata__": {"synthlab": "[]"}}'),
    "a description without size": described(architecture="dcgan-s"),
    "a description of wrong types": described(
        architecture=["dcgan-s"], image_size="32", channels=None, latent_size={}, classes="a", step=1.5
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_generator_is_refused(name: str, tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    disguises.MARKER.unlink(missing_ok=True)
    path = tmp_path / "weights"
    path.write_bytes(HOSTILE[name])
    dataset = make_dataset()
    with pytest.raises(InvalidInput) as refusal:
        import_generator(actor=dataset.owner, dataset=dataset, path=path, name="x", card={})
    assert refusal.value.code == "not_a_generator"
    assert not Generator.objects.exists()
    assert not AuditEvent.objects.filter(action="generator.registered").exists()
    assert [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []
    assert not disguises.MARKER.exists()


@pytest.mark.django_db
def test_an_honest_header_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(weights_file())
    dataset = make_dataset()
    assert import_generator(actor=dataset.owner, dataset=dataset, path=path, name="x", card={}).name == "x"
