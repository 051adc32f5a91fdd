"""The installation's key for signatures: what makes them its own, and what shows others that they are."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils.crypto import salted_hmac

from annotation.export.signature import public_half, sign_words

_SALT = "annotation.snapshot.ed25519"


def signing_key() -> Ed25519PrivateKey:
    """Derived from the installation's secret: nothing more to keep, and lost or changed with it."""
    return Ed25519PrivateKey.from_private_bytes(salted_hmac(_SALT, "key", algorithm="sha256").digest())


def seal_words(words: bytes) -> str:
    """The installation's signature under words of its own, in 128 hex digits."""
    return sign_words(signing_key(), words)


def public_key() -> str:
    """What others check signatures with, in 64 hex digits."""
    return public_half(signing_key())
