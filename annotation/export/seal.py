"""The seal of an archive: the installation's signature under its manifest, and so under every byte that the manifest lists.

People sign the labels. Licence, data sheet, evaluation and origin are the installation's own words beside them; the seal
shows that nobody changed those either. It stands in a file of its own, behind the manifest, because it is about all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from annotation.export.canonical import canonical_json
from annotation.export.signature import is_signed

NAME = "seal.json"
FORMAT, VERSION = "synthlab-seal", 1
Sealer = Callable[[bytes], str]


def sealed_words(manifest_digest: str) -> bytes:
    """The bytes that a seal is over; no words of a signature can be taken for them.

    Args:
        manifest_digest: SHA-256 of the manifest.
    """
    return canonical_json({"format": FORMAT, "version": VERSION, "manifest": manifest_digest})


def describe_seal(seal: Sealer, key: str, manifest_digest: str) -> bytes:
    """The file: what is sealed, with which key, and the Ed25519 signature in hex."""
    return canonical_json(
        {
            "format": FORMAT,
            "version": VERSION,
            "manifest": manifest_digest,
            "key": key,
            "signature": seal(sealed_words(manifest_digest)),
        }
    )


def refuse_false_seal(told: Mapping[str, Any], manifest_digest: str, key: str) -> None:
    """Hold a seal to the manifest and to the key of the signatures.

    Raises:
        ValueError: It is of another manifest, version or key, or no seal at all; in words.
    """
    if (told["format"], told["version"]) != (FORMAT, VERSION):
        raise ValueError("the seal is of a format or version that this program does not know")
    if told["key"] != key:
        raise ValueError("seal and signatures are of two installations")
    if not is_signed(sealed_words(manifest_digest), told["signature"], key):
        raise ValueError("the seal is not of this archive: something in it was changed")
    if told["manifest"] != manifest_digest:
        raise ValueError("the seal names another manifest")
