"""Signatures that anyone can check with the archive alone: Ed25519 (RFC 8032) over what the manifest tells of them.

The key is the installation's, not a person's: it says that this installation asked that person for their password and took
down these words at that time. An archive carries the public key, so the check needs nobody; that the key is whose it is said
to be must be known from elsewhere, as with every key.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from annotation.export.canonical import canonical_json
from annotation.export.rows import SignatureRow

FORMAT, VERSION = "synthlab-signature", 1


def signed_words(
    *,
    snapshot_id: str,
    digest: str,
    signer: str,
    signed_at: str,
    meaning: str,
    needed: int,
    countersigns: str = "",
) -> bytes:
    """The bytes that a signature is over.

    Args:
        snapshot_id: Which snapshot.
        digest: SHA-256 of its document.
        signer: Pseudonym of the person.
        signed_at: When, as ISO 8601 with microseconds.
        meaning: What they sign for, in their words.
        needed: How many signatures the study asks for, 1 or 2.
        countersigns: The first signature, where this is the second.
    """
    return canonical_json(
        {
            "format": FORMAT,
            "version": VERSION,
            "snapshot": snapshot_id,
            "digest": digest,
            "signer": signer,
            "signed_at": signed_at,
            "meaning": meaning,
            "signatures": needed,
            "countersigns": countersigns,
        }
    )


def sign_words(key: Ed25519PrivateKey, words: bytes) -> str:
    """The signature in 128 hex digits; the same key and words give the same one."""
    return key.sign(words).hex()


def public_half(key: Ed25519PrivateKey) -> str:
    """What others need to check signatures of a key, in 64 hex digits."""
    return key.public_key().public_bytes_raw().hex()


def is_signed(words: bytes, signature: str, key: str) -> bool:
    """Whether a signature, in hex, is of these words and of the key whose public half is given; never for what is none."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), words)
    except (InvalidSignature, ValueError):
        return False
    return True


def refuse_false_signatures(
    snapshot_id: str, digest: str, first: SignatureRow | None, second: SignatureRow | None
) -> None:
    """Hold the signatures of a snapshot to its content.

    Raises:
        ValueError: One is not of this content, person, time and meaning, or one person has given both; in words.
    """
    if first is None:
        if second is not None:
            raise ValueError("a second signature stands without a first one")
        return
    needed = 1 if second is None else 2
    _refuse_false(snapshot_id, digest, first, needed)
    if second is not None:
        if second.signer == first.signer:
            raise ValueError(f"both signatures are of {first.signer}")
        _refuse_false(snapshot_id, digest, second, needed, first.signature)


def _refuse_false(snapshot_id: str, digest: str, row: SignatureRow, needed: int, first: str = "") -> None:
    words = signed_words(
        snapshot_id=snapshot_id,
        digest=digest,
        signer=row.signer,
        signed_at=row.signed_at,
        meaning=row.meaning,
        needed=needed,
        countersigns=first,
    )
    if not is_signed(words, row.signature, row.key):
        raise ValueError(f"the signature of {row.signer} is not of this content")
