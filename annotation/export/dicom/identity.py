"""What all DICOM objects of a release share: derived UIDs, dates of the snapshot, and a patient who is none.

UIDs are name-based UUIDs under the root 2.25 (PS3.5 B.2; RFC 9562, 5.5) of what the object shows, so that the same
release and options give the same objects anywhere, and another release or image class never gives theirs.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import quote, unquote

from annotation.export.canonical import canonical_json, digest_bytes
from annotation.export.document import describe_schema
from annotation.export.rows import Release

# Changes when an object of the same release is written otherwise: a UID must never stand for two contents.
VERSION = 1
MANUFACTURER = "SynthLab"
SOFTWARE = f"SynthLab DICOM export {VERSION}"
_NAMESPACE = uuid.UUID("9d3f3c6e-4f0b-5b0e-8f3a-6f2b7f1c0a25")
_NOTHING = "%"
_BETWEEN_NAMES = str.maketrans("^=", "  ")

IMPLEMENTATION_UID = f"2.25.{uuid.uuid5(_NAMESPACE, 'implementation').int}"
IMPLEMENTATION_NAME = f"SYNTHLAB_{VERSION}"


@dataclass(frozen=True, slots=True)
class Uids:
    """The UIDs of one release in one image class; whoever has its manifest can derive them again."""

    snapshot_id: str
    digest: str
    image_class: str

    def named(self, *parts: object) -> str:
        """The UID of what `parts` name inside this release."""
        name = [VERSION, self.snapshot_id, self.digest, self.image_class, *map(str, parts)]
        return f"2.25.{uuid.uuid5(_NAMESPACE, canonical_json(name).decode()).int}"

    @property
    def study(self) -> str:
        """One DICOM study for the whole release."""
        return self.named("study")

    def series(self, kind: str) -> str:
        """One series for each kind of object."""
        return self.named("series", kind)

    def instance(self, kind: str, image: str) -> str:
        """The object of a kind that belongs to an image, which its digest names."""
        return self.named("object", kind, image)

    def finding(self, image: str, key: str) -> str:
        """What is said about a whole image in one of its classes."""
        return self.named("finding", image, key)

    def dimensions(self, image: str) -> str:
        """The organisation of the frames of an image's segmentation."""
        return self.named("dimensions", image)

    def region(self, image: str, place: int) -> str:
        """A region, by its place in the labels: the same in report and segmentation."""
        return self.named("region", image, place)


@dataclass(frozen=True)
class Identity:
    """Names, numbers and dates of one release in one image class."""

    release: Release
    image_class: str

    @cached_property
    def uids(self) -> Uids:
        """Its UIDs."""
        return Uids(self.release.snapshot_id, self.release.digest, self.image_class)

    @property
    def patient_id(self) -> str:
        """Of the patient who is none."""
        return f"SYNTHLAB-{self.release.digest[:16]}"

    @property
    def patient_name(self) -> str:
        """Says what it is wherever a list shows nothing else."""
        return f"SYNTHETIC^{self.release.digest[:16]}"

    @cached_property
    def made_at(self) -> datetime:
        """When the snapshot was made, in UTC: the clock of whoever exports tells nothing about the images."""
        return datetime.fromisoformat(self.release.created_at).astimezone(UTC)

    @property
    def date(self) -> str:
        """As a value of type DA."""
        return self.made_at.strftime("%Y%m%d")

    @property
    def time(self) -> str:
        """As a value of type TM."""
        return self.made_at.strftime("%H%M%S.%f")

    @cached_property
    def schema_digest(self) -> str:
        """SHA-256 of the schema: which version of the site's own words a concept comes from."""
        return digest_bytes(canonical_json(describe_schema(self.release.schema)))


def plain_text(text: str, limit: int) -> str:
    """Text as an element of limited length takes it: one line, and no backslash, which would separate two values.

    The standard counts characters (PS3.5 6.2), but validators and archives that count bytes refuse what is longer in
    UTF-8, so bytes are counted here.

    Args:
        text: What people wrote.
        limit: How many the element holds.
    """
    line = "".join(c if c.isprintable() else " " for c in text.replace("\\", "/"))
    return " ".join(line.split()).encode()[:limit].decode(errors="ignore").rstrip()


def code_of_key(key: str) -> str:
    """A key as a code value: itself where it is a slug, otherwise percent-encoded; never empty, which no code may be."""
    return quote(key, safe="") or _NOTHING


def key_of_code(value: str) -> str:
    """The key that `code_of_key` made a code value of."""
    return "" if value == _NOTHING else unquote(value)


def person_name(pseudonym: str) -> str:
    """A pseudonym as a value of type PN: a family name alone, which the caret says is meant."""
    return f"{plain_text(pseudonym.translate(_BETWEEN_NAMES), 63)}^"
