"""Find the companions of an upload and what its files are called, before any picture is decoded."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from generation.ingest.companions.table import looks_like_table
from generation.ingest.guard import OutOfTimeError, hardened
from generation.ingest.limits import MIB, Limits
from generation.ingest.options import StagedFile
from generation.ingest.readers.archive import check_directory, check_member, check_members
from generation.ingest.readers.sniff import magic_of
from generation.ingest.rejection import RejectedError

_HEAD = 4096
_LARGEST: Mapping[str, int] = {"voc": 4 * MIB, "coco": 64 * MIB, "csv": 16 * MIB}
_TOGETHER = 256 * MIB
_FAILURES = (
    OSError,
    RejectedError,
    zipfile.BadZipFile,
    UnicodeDecodeError,
    EOFError,
    NotImplementedError,
    zlib.error,
)
_COCO_MEMBERS = (b'"images"', b'"annotations"', b'"categories"')


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that says something about pictures.

    Attributes:
        place: where it stands.
        kind: ``voc``, ``coco`` or ``csv``.
        name: what it is called, "" where nobody told.
        scope: the place of the zip that it lies in; "" for a file of its own, which speaks of the whole upload.
        content: its bytes; None where there are too many.
    """

    place: str
    kind: str
    name: str
    scope: str
    content: bytes | None

    @property
    def largest(self) -> int:
        """How many bytes such a file may have."""
        return _LARGEST[self.kind]


@dataclass(frozen=True, slots=True)
class Listing:
    """Names of the other files by their place, and the companions."""

    names: Mapping[str, str]
    companions: tuple[Companion, ...]


def list_upload(files: Sequence[StagedFile], told: Mapping[str, str], limits: Limits) -> Listing:
    """Look into every file's first bytes, also inside zips; what cannot be looked into is left to its reader.

    Args:
        files: the upload.
        told: place → name of files of their own, as the sender told.
        limits: ceilings for zips and for time.
    """
    look = _Look(limits)
    for file in files:
        # Whatever fails here has its turn with the readers, and they say what is wrong.
        with contextlib.suppress(*_FAILURES, OutOfTimeError), hardened(limits):
            look.at(file, told.get(file.ordinal, ""))
    return Listing(look.names, tuple(look.companions))


class _Look:
    """Goes through an upload and keeps what is needed to join it."""

    def __init__(self, limits: Limits) -> None:
        self.names: dict[str, str] = {}
        self.companions: list[Companion] = []
        self._limits = limits
        self._left = _TOGETHER

    def at(self, file: StagedFile, name: str) -> None:
        """Look at one file of the upload."""
        with file.path.open("rb") as stream:
            if magic_of(stream.read(_HEAD)) != "zip":
                stream.seek(0)
                self._note(file.ordinal, name, "", stream)
                return
        self._members(file)

    def _members(self, file: StagedFile) -> None:
        check_directory(file.path)
        with zipfile.ZipFile(file.path) as archive:
            members = archive.infolist()
            check_members(members, archive.start_dir, self._limits)
            for number, member in enumerate(members, start=1):
                if member.is_dir() or _is_of_the_system(member.filename):
                    continue
                with contextlib.suppress(*_FAILURES):
                    check_member(member, self._limits)
                    with archive.open(member) as stream:
                        self._note(f"{file.ordinal}/{number}", member.filename, file.ordinal, stream)

    def _note(self, place: str, name: str, scope: str, stream: IO[bytes]) -> None:
        head = stream.read(_HEAD)
        kind = companion_kind(head, name)
        if kind is None:
            if name:
                self.names[place] = name
            return
        most = min(_LARGEST[kind], self._left)
        content = head + stream.read(max(most + 1 - len(head), 0))
        whole = len(content) <= most
        self._left -= len(content) if whole else 0
        self.companions.append(Companion(place, kind, name, scope, content if whole else None))


def companion_kind(head: bytes, name: str) -> str | None:
    """What a file is by its first bytes, and by its name's ending where these leave it open; None for all others."""
    if magic_of(head) is not None:
        return None
    ending = name.rpartition(".")[2].casefold()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<") and (ending == "xml" or b"<annotation" in head):
        return "voc"
    if start.startswith(b"{") and (ending == "json" or any(word in head for word in _COCO_MEMBERS)):
        return "coco"
    if ending in ("csv", "tsv") or looks_like_table(head):
        return "csv"
    return None


def _is_of_the_system(name: str) -> bool:
    """Shadows that macOS puts beside every file of a zip, under the same names."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("._")
