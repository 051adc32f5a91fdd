"""What an export is made of: plain frozen rows, so that writers know no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.geometry import Shape


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class of the label schema; its place in the schema is its number in every format."""

    key: str
    title: str
    kind: str
    colour: str = ""
    code_system: str = ""
    code: str = ""
    code_display: str = ""


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """The schema that the answers were given in."""

    name: str
    version: int
    mode: str
    classes: tuple[ClassRow, ...]
    sites: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A marked place: the key of its class and its shape in image pixels."""

    label: str
    kind: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One approved synthetic image with what was said about it.

    `reader` and `reviewers` are pseudonyms of this study; `recipe` is everything needed to make the image again;
    `split` is train, val or test where the snapshot is split, otherwise empty.
    """

    digest: str
    width: int
    height: int
    classes: tuple[str, ...]
    regions: tuple[RegionRow, ...]
    site: str
    confidence: int | None
    reader: str
    reviewers: tuple[str, ...]
    recipe: Mapping[str, Any]
    split: str = ""

    @property
    def file_name(self) -> str:
        """The image's place in an archive: its content names it."""
        return f"images/{self.digest}.png"


@dataclass(frozen=True, slots=True)
class SignatureRow:
    """Who signed what, when and in which sense.

    `signature` is bound to the digest of the snapshot by the installation, of whose key `key` is the public half.
    """

    signer: str
    signed_at: str
    meaning: str
    signature: str
    key: str


@dataclass(frozen=True, slots=True)
class Release:
    """A snapshot with all that an export tells about it.

    `members` stand in the order of their digests, and may lie on the disk: go through them, do not copy them.
    `readers` are for each member, in their order, the pseudonyms of all who have read it; without them, whoever's answer it is.
    `evaluation` holds the numbers of the approved set and of its batches, `source` what is known of the real data set.
    `seal` signs words with the installation's key, for the seal of the archive; a signed release has one.
    """

    snapshot_id: str
    name: str
    digest: str
    created_at: str
    study: str
    schema: SchemaRow
    members: Sequence[MemberRow]
    signature: SignatureRow | None
    evaluation: Mapping[str, Any] | None
    provenance: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    countersignature: SignatureRow | None = None
    readers: Iterable[Sequence[str]] = ()
    seal: Callable[[bytes], str] | None = None

    @property
    def is_split(self) -> bool:
        """Whether every member belongs to train, val or test."""
        return len(self.members) > 0 and bool(self.members[0].split)
