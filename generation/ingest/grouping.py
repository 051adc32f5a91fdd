"""Who an image belongs to: places looked up in what the user gave, keys that identify nobody."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping

from generation.ingest.picture import Picture

_KEY_DIGITS = 24
_PARTS = "[/#@!]"  # a member of a zip, a frame or page, a tile, a box


class GroupKeys:
    """Names groups without naming people.

    With the data set's salt, the key of a patient is an HMAC: the same patient of a later upload gets the same
    group, and nobody without the salt can try names. Without a salt, it is taken from the group's first picture:
    the same upload gives the same keys, but a later upload of the same patient is a group of its own.

    Args:
        given: place → the user's key of the patient or slide.
        salt: secret of the data set.
    """

    def __init__(self, given: Mapping[str, str], salt: bytes | None) -> None:
        self._given = given
        self._salt = salt
        self._first: dict[bytes, str] = {}
        self.known_holders = 0

    def key(self, picture: Picture, pixel_digest: str) -> str:
        """The group of a picture: by the user, else by the file's patient or study, else the file itself."""
        named = lookup(self._given, picture.place)
        if named is not None:
            return self._secret_key(b"user\0" + named.encode(), pixel_digest)
        if picture.holder is not None:
            return self._secret_key(b"file\0" + picture.holder, pixel_digest)
        frame_of = picture.place.partition("#")[0].encode()
        return self._first.setdefault(b"place\0" + frame_of, f"i-{pixel_digest[:_KEY_DIGITS]}")

    def _secret_key(self, secret: bytes, pixel_digest: str) -> str:
        if secret not in self._first:
            self.known_holders += 1
            digest = (
                pixel_digest if self._salt is None else hmac.digest(self._salt, secret, hashlib.sha256).hex()
            )
            self._first[secret] = f"g-{digest[:_KEY_DIGITS]}"
        return self._first[secret]


def lookup(given: Mapping[str, str], place: str) -> str | None:
    """What was given for a place or for the file that it is in: ``3/17#2``, else ``3/17``, else ``3``."""
    return next((given[spot] for spot in outwards(place) if spot in given), None)


def file_of(place: str) -> str:
    """The file that a frame, tile or box is of: ``3/17`` for ``3/17#2``."""
    return re.split("[#@!]", place, maxsplit=1)[0]


def outwards(place: str) -> Iterator[str]:
    """A place, then what it lies in, step by step."""
    yield place
    for cut in reversed([match.start() for match in re.finditer(_PARTS, place)]):
        yield place[:cut]
