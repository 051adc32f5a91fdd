"""Secrets that we hand out: made at random, kept as a digest only."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_MARK = "slt_"  # noqa: S105  (how every token begins)
TOKEN_LENGTH = len(TOKEN_MARK) + 43
PREFIX_LENGTH = 12


def make_token() -> str:
    """An API token. The mark lets secret scanners find a leaked one."""
    return TOKEN_MARK + secrets.token_urlsafe(32)


def make_link_token() -> str:
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """SHA-256. The secrets hold 256 random bits, so a slow password hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
