"""A small release for tests of the writers: boxes, a polygon, a point, two images without a mark. No Django."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from annotation.export import archive, manifest, seal
from annotation.export.canonical import Items, digest_bytes, json_parts
from annotation.export.document import write_document
from annotation.export.formats import Member
from annotation.export.rows import ClassRow, MemberRow, RegionRow, Release, SchemaRow, SignatureRow
from annotation.export.signature import public_half, sign_words, signed_words
from annotation.geometry import Box, Point, Polygon, Shape

SIZE = 16
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVALUATED = {"verdict": "insufficient", "image_set_digest": "e" * 64}
SCHEMA = SchemaRow(
    name="Glands é",
    version=2,
    mode="one",
    classes=(ClassRow("gland", "Gland", "finding"), ClassRow("normal", "Normal", "normal")),
    sites=(("colon", "Colon"),),
)
SHAPES: list[tuple[str, Shape]] = [
    ("box", Box(2.0, 3.0, 6.0, 5.0)),
    ("box", Box(0.0, 0.0, 16.0, 16.0)),
    ("polygon", Polygon(((1.0, 1.0), (9.0, 1.0), (9.0, 5.0), (5.0, 5.0), (5.0, 9.0), (1.0, 9.0)))),
    ("point", Point(7.5, 8.25)),
]


def png(seed: int) -> bytes:
    """A grey picture, 16 × 16, without any library, so that its bytes are the same everywhere (stored, not packed)."""
    noise = b"".join(hashlib.sha256(f"{seed}:{row}".encode()).digest()[:SIZE] for row in range(SIZE))
    rows = b"".join(b"\0" + noise[i * SIZE : (i + 1) * SIZE] for i in range(SIZE))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def make_release(folder: Path, *, count: int = 6, signed: bool = True) -> Release:
    """A release whose images lie in `folder`, named by their digest."""
    members = []
    for number in range(count):
        data = png(number)
        digest = digest_bytes(data)
        (folder / digest).write_bytes(data)
        shape = SHAPES[number] if number < len(SHAPES) else None
        members.append(
            MemberRow(
                digest=digest,
                width=SIZE,
                height=SIZE,
                classes=("gland",) if shape else ("normal",),
                regions=(RegionRow("gland", shape[0], shape[1]),) if shape else (),
                site="colon",
                confidence=4,
                reader="p-1",
                reviewers=("p-2",),
                recipe={"generator": "a" * 64, "index": number, "seed": f"{number:016x}"},
            )
        )
    members.sort(key=lambda member: member.digest)
    release = Release(
        snapshot_id="5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0001",
        name="First",
        digest=digest_bytes(write_document(SCHEMA, members)),
        created_at="2025-01-02T03:04:05.000006+00:00",
        study="A study",
        schema=SCHEMA,
        members=tuple(members),
        signature=None,
        evaluation={
            "approved_set": {**EVALUATED, "metrics": [{"name": "kid", "value": 0.125}]},
            "batches": [],
        },
        provenance={"dataset": "d", "generators": ["a" * 64], "image_set_digest": "e" * 64},
        facts={"items_by_state": {"accepted": count}, "reads_per_item": 1},
        licence="CC0-1.0",
    )
    return signed_release(release) if signed else release


def signed_release(release: Release, **changes: Any) -> Release:
    """The release with these changes, under the digest that it then has, and signed again."""
    release = replace(release, **changes)
    release = replace(release, digest=digest_bytes(write_document(release.schema, release.members)))
    signature = make_signature(release)
    return replace(release, signature=signature, countersignature=None, seal=partial(sign_words, KEY))


def countersigned(release: Release, **wishes: Any) -> Release:
    """The release as two people have signed it."""
    first = make_signature(release, needed=2)
    second = make_signature(release, **{"needed": 2, "signer": "p-2", "first": first.signature, **wishes})
    return replace(release, signature=first, countersignature=second)


def make_signature(
    release: Release,
    *,
    key: Ed25519PrivateKey = KEY,
    signer: str = "p-9",
    meaning: str = "approved",
    needed: int = 1,
    first: str = "",
) -> SignatureRow:
    """A signature under a release, with a key that everybody knows."""
    signed_at = "2025-01-03T00:00:00.000000+00:00"
    words = signed_words(
        snapshot_id=release.snapshot_id, digest=release.digest, signer=signer, signed_at=signed_at, meaning=meaning,
        needed=needed, countersigns=first,
    )  # fmt: skip
    return SignatureRow(signer, signed_at, meaning, sign_words(key, words), public_half(key))


def write_again(
    target: Path,
    contents: Mapping[str, bytes],
    listing: Mapping[str, Any],
    *,
    key: Ed25519PrivateKey | None = KEY,
) -> Path:
    """An archive of these files and this manifest, as one writes it who knows the format.

    Args:
        target: The archive.
        contents: All files but the manifest.
        listing: The manifest.
        key: With which the seal is made anew, if there is one; None: it stays as it is.
    """
    long = {name: Items(listing[name], lines=True) for name in ("files", "images")}
    told, behind = b"".join(json_parts({**listing, **long})), []
    if seal.NAME in contents:
        sealed = contents[seal.NAME]
        if key is not None:
            sealed = seal.describe_seal(partial(sign_words, key), public_half(key), digest_bytes(told))
        behind = [Member(seal.NAME, sealed)]
    members = [Member(name, data) for name, data in sorted(contents.items()) if name != seal.NAME]
    archive.write_archive(target, [*members, Member(manifest.NAME, told), *behind])
    return target


def list_again(contents: Mapping[str, bytes], listing: dict[str, Any]) -> None:
    """Make good what a manifest says of these files."""
    rows = [
        {"path": name, "size": len(data), "sha256": digest_bytes(data)}
        for name, data in sorted(contents.items())
        if name != seal.NAME
    ]
    listing["files"], listing["files_digest"] = rows, manifest.digest_files(rows)
    listing["counts"]["files"] = len(rows)
